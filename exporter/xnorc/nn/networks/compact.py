# SPDX-License-Identifier: Apache-2.0
"""A small plain network for MNIST-sized images, within 64 KiB of weights."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import first, plain
from xnorc.nn.network import Network


class Compact(Network):
    """32C3 - MP2 - 64C3 - MP2 - 128C3 - MP2 - FC.

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`.  At width 1 and 28x28: 11.3 KiB of binary
    weights and 11.5 KiB of int8 ones, 7.2 M binary products.
    """

    name: ClassVar[str] = "compact"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        one, two, three = (self.scaled(ch) for ch in (32, 64, 128))
        self.features = nn.Sequential(
            first(self, one, pool=True),
            plain(self, one, two, pool=True),
            plain(self, two, three, pool=True),
        )
        self.head = nn.Sequential(nn.Flatten(), self.classify(three * (self.size // 8) ** 2, classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
