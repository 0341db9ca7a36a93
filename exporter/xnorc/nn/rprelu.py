# SPDX-License-Identifier: Apache-2.0
"""RPReLU: a PReLU with learned shifts before and after (ReActNet, arXiv 2003.03488 section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class RPReLU(nn.Module):
    """y = prelu(x + before, slope) + after, all per channel.

    Shape: x (N, C, H, W) -> same.

    Attributes:
        before, after: (C,), start at 0 (the paper's -gamma and zeta).
        slope: (C,), starts at 0.25.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.after = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1, *([1] * (x.dim() - 2)))
        return functional.prelu(x + self.before.reshape(shape), self.slope) + self.after.reshape(shape)
