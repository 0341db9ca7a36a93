# SPDX-License-Identifier: Apache-2.0
"""DySign: thresholds per channel computed from the image (DyBNN, arXiv 2110.05185; DyBCNN, arXiv 2211.02292).

Only the abstracts of both papers were at hand: the mechanism (channel statistics, a hyper function, thresholds in
place of RSign's) is theirs, the concrete form below is ours.  Call results "DySign-style".
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from xnorc.errors import XnorcError
from xnorc.nn.binarizer import Binarizer
from xnorc.nn.discovery import check_sizes
from xnorc.nn.hyper import Hyper
from xnorc.nn.surrogates import Surrogate


class DySign(Binarizer):
    """x -> +1 where x >= threshold + spread * (2 sigmoid(u) - 1), u = W2 relu(W1 mean(x) + b1) + b2.

    W2 and b2 start at zero: then the thresholds are RSign's exactly, and the state of an `RSign` may be loaded
    (strict=False).  One image's thresholds do not depend on the others in the batch.

    Shape: x (N, C, H, W).

    Args:
        channels: C.
        surrogate: `bireal`, as ReActNet which the paper extends.
        reduction, floor: max(C / reduction, floor) hidden units.
        stat: `mean` or `mean+std`, see `Hyper`; the exporter has no integer form of standard deviations and refuses it.
        sides: `two` as above; `positive` uses sigmoid(u) in place of 2 sigmoid(u) - 1.

    Attributes:
        threshold: (C,), starts at 0.
        spread: (C,), starts at 1.
    """

    name: ClassVar[str] = "dysign"
    spatial: ClassVar[bool] = True

    def __init__(
        self,
        channels: int,
        surrogate: str | Surrogate = "",
        *,
        reduction: int = 16,
        floor: int = 4,
        stat: str = "mean",
        sides: str = "two",
    ) -> None:
        super().__init__(channels, surrogate)
        check_sizes("DySign", reduction=reduction, floor=floor)
        if sides not in ("two", "positive"):
            raise XnorcError("dysign", f"sides {sides!r}", "two or positive")
        self.sides = sides
        self.threshold = nn.Parameter(torch.zeros(channels))
        self.spread = nn.Parameter(torch.ones(channels))
        self.hyper = Hyper(channels, max(floor, channels // reduction), bias=True, stat=stat, zero=True)

    def thresholds(self, x: Tensor) -> Tensor:
        """(N, C): the thresholds of each image."""
        gate = torch.sigmoid(self.hyper(x))
        return self.threshold + self.spread * (2 * gate - 1 if self.sides == "two" else gate)

    def forward(self, x: Tensor) -> Tensor:
        self.expect(x)
        return self.step(x - self.per_channel(self.thresholds(x), x))
