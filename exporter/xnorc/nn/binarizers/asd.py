# SPDX-License-Identifier: Apache-2.0
"""ASD, the activation self-distribution of SD-BNN (arXiv 2103.02394): a shift per channel computed from the image."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from xnorc.nn.binarizer import Binarizer
from xnorc.nn.discovery import check_sizes
from xnorc.nn.hyper import Hyper
from xnorc.nn.surrogates import Surrogate


class ASD(Binarizer):
    """x -> +1 where x + beta >= 0, beta = sigmoid(W2 relu(W1 mean(x))) in (0, 1).

    The threshold -beta is never positive: ASD can only turn bits on.  The gradient also flows through the mean.
    Formulas, ratio and missing biases are those of the authors' code for CIFAR-10.

    Shape: x (N, C, H, W).

    Args:
        channels: C.
        surrogate: `ede` in the paper's CIFAR networks, `bireal` in its ImageNet ones.
        reduction: C / reduction hidden units: 16 for CIFAR, 8 for ImageNet.
        floor: at least so many hidden units.  1 as the authors; with one unit a dead ReLU makes beta 1/2 for ever.
        static: beta = sigmoid(a learned vector) instead: the control without any image statistics.
    """

    name: ClassVar[str] = "asd"
    usual: ClassVar[str] = "ede"
    spatial: ClassVar[bool] = True

    def __init__(
        self,
        channels: int,
        surrogate: str | Surrogate = "",
        *,
        reduction: int = 16,
        floor: int = 1,
        static: bool = False,
    ) -> None:
        super().__init__(channels, surrogate)
        check_sizes("ASD", reduction=reduction, floor=floor)
        self.static = static
        if static:
            self.logit = nn.Parameter(torch.zeros(channels))
        else:
            self.hyper = Hyper(channels, max(floor, channels // reduction), bias=False)

    def shift(self, x: Tensor) -> Tensor:
        """beta: (N, C), or (C,) where static."""
        return torch.sigmoid(self.logit if self.static else self.hyper(x))

    def forward(self, x: Tensor) -> Tensor:
        self.expect(x)
        return self.step(x + self.per_channel(self.shift(x), x))
