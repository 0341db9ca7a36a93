# SPDX-License-Identifier: Apache-2.0
"""BinaryNet's VGG (arXiv 1602.02830 section 2.2): the network of DeSign's plain experiments (arXiv 2405.02220)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import dense, first, plain
from xnorc.nn.network import Network


class BinaryNetVGG(Network):
    """128C3 - 128C3 - MP2 - 256C3 - 256C3 - MP2 - 512C3 - 512C3 - MP2 - FC1024 - FC1024 - FC, binary throughout.

    14.02 M weights (1.67 MiB as bits) for 10 classes at width 1 and 32x32.  Between fully connected layers plain sign
    takes the place of a binarizer that needs a map.

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`; `ends` is `sign` by default.
    """

    name: ClassVar[str] = "binarynet_vgg"
    ends: ClassVar[str] = "sign"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        one, two, three, wide = (self.scaled(ch) for ch in (128, 256, 512, 1024))
        self.features = nn.Sequential(
            first(self, one),
            plain(self, one, one, pool=True),
            plain(self, one, two),
            plain(self, two, two, pool=True),
            plain(self, two, three),
            plain(self, three, three, pool=True),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            dense(self, three * (self.size // 8) ** 2, wide),
            dense(self, wide, wide),
            self.classify(wide, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
