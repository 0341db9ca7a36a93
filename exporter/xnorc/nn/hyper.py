# SPDX-License-Identifier: Apache-2.0
"""The small network inside a dynamic binarizer: channel statistics of one image in, one number a channel out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.errors import XnorcError

STATISTICS = ("mean", "mean+std")


class Hyper(nn.Module):
    """u = W2 relu(W1 z + b1) + b2 with z the statistics of each channel over the map.

    Shape: x (N, C, H, W) -> (N, C).  Every image is treated by itself.

    Args:
        channels: C.
        hidden: width of the hidden layer.
        bias: whether b1 and b2 exist.
        stat: `mean`, or `mean+std` (z has 2C numbers: means, then standard deviations with eps 1e-5 in the root).
        zero: W2 and b2 start at zero, so that u is 0 for every image at first.

    Attributes:
        first, second: the linear layers; first.weight is (hidden, C or 2C), second.weight (C, hidden).
    """

    def __init__(self, channels: int, hidden: int, *, bias: bool, stat: str = "mean", zero: bool = False) -> None:
        super().__init__()
        if stat not in STATISTICS:
            raise XnorcError("dynamic binarizer", f"statistic {stat!r}", f"one of {', '.join(STATISTICS)}")
        self.stat = stat
        self.first = nn.Linear(channels * (2 if stat == "mean+std" else 1), hidden, bias=bias)
        self.second = nn.Linear(hidden, channels, bias=bias)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight)
        if bias:
            nn.init.zeros_(self.first.bias)
        if zero:
            for parameter in self.second.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        z = x.mean((2, 3))
        if self.stat == "mean+std":
            spread = ((x - z[:, :, None, None]) ** 2).mean((2, 3))
            z = torch.cat([z, (spread + 1e-5).sqrt()], 1)
        u: Tensor = self.second(functional.relu(self.first(z)))
        return u
