# SPDX-License-Identifier: Apache-2.0
"""A network for 8x8 digits that fits the smallest boards."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import first, plain
from xnorc.nn.network import Network


class Digits(Network):
    """32C3 - 32C3 - MP2 - 64C3 - MP2 - FC: at width 1 every weight is +-1, 3.7 KiB of them; no map above 256 bytes.

    Shape: x (N, in_ch, 8, 8) -> (N, classes).  Args: see `Network`; `ends` is `sign` by default.
    """

    name: ClassVar[str] = "digits"
    sizes: ClassVar[tuple[int, ...]] = (8,)
    ends: ClassVar[str] = "sign"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        one, two, three = (self.scaled(ch) for ch in (32, 32, 64))
        self.features = nn.Sequential(
            first(self, one), plain(self, one, two, pool=True), plain(self, two, three, pool=True)
        )
        self.head = nn.Sequential(nn.Flatten(), self.classify(three * 4, classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
