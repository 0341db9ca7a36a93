# SPDX-License-Identifier: Apache-2.0
"""WSD, the weight self-distribution of SD-BNN (arXiv 2103.02394): a learned share of the filter's mean is added."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from xnorc.nn.surrogates import Surrogate
from xnorc.nn.weight_binarizer import WeightBinarizer, per_filter


class WSDWeight(WeightBinarizer):
    """w -> sign(w + sigmoid(alpha[o]) * factor * mean(w[o])), the mean without gradient.  Nothing is left on a device.

    Args:
        out_ch: output channels.
        surrogate: `ede` in the paper's CIFAR networks, `identity` (clamp) in its ImageNet ones.
        factor: 0.01 in the authors' code; at that size it turns about one bit in 10^4.

    Attributes:
        alpha: (out_ch,), starts at 0.
    """

    name: ClassVar[str] = "wsd"
    usual: ClassVar[str] = "ede"

    def __init__(self, out_ch: int, surrogate: str | Surrogate = "", *, factor: float = 0.01) -> None:
        super().__init__(out_ch, surrogate)
        self.factor = factor
        self.alpha = nn.Parameter(torch.zeros(out_ch))

    def shifted(self, w: Tensor) -> Tensor:
        """The weights whose sign is taken."""
        mean = w.flatten(1).mean(1).detach()
        return w + per_filter(torch.sigmoid(self.alpha) * self.factor * mean, w)

    def forward(self, w: Tensor) -> Tensor:
        return self.step(self.shifted(w))
