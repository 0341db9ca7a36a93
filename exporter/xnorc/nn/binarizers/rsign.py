# SPDX-License-Identifier: Apache-2.0
"""RSign: a learned threshold per channel (ReActNet, arXiv 2003.03488 section 4.2)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from xnorc.nn.binarizer import Binarizer
from xnorc.nn.surrogates import Surrogate


class RSign(Binarizer):
    """x -> +1 where x >= threshold[c].

    Attributes:
        threshold: (C,), starts at zero, where RSign equals `Sign`.
    """

    name: ClassVar[str] = "rsign"

    def __init__(self, channels: int, surrogate: str | Surrogate = "") -> None:
        super().__init__(channels, surrogate)
        self.threshold = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        self.expect(x)
        return self.step(x - self.per_channel(self.threshold, x))
