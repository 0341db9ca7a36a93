# SPDX-License-Identifier: Apache-2.0
"""FINN's CNV (arXiv 1612.07119 section 5): a VGG shape without padding, 188 KiB of weights."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import dense, first, plain
from xnorc.nn.network import Network


class FinnCNV(Network):
    """64C3 - 64C3 - MP2 - 128C3 - 128C3 - MP2 - 256C3 - 256C3 - FC512 - FC512 - FC, no padding: maps 30, 28, 14, 12,
    10, 5, 3, 1.  28x28 images get two pixels of zeros on each side.

    1,542,848 weights = 188.3 KiB as bits for 10 classes of RGB at width 1.

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`; `ends` is `sign` by default.
    """

    name: ClassVar[str] = "finn_cnv"
    ends: ClassVar[str] = "sign"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        one, two, three, wide = (self.scaled(ch) for ch in (64, 128, 256, 512))
        self.features = nn.Sequential(
            first(self, one, pad=(32 - self.size) // 2),
            plain(self, one, one, pool=True, pad=0),
            plain(self, one, two, pad=0),
            plain(self, two, two, pool=True, pad=0),
            plain(self, two, three, pad=0),
            plain(self, three, three, pad=0),
        )
        self.head = nn.Sequential(
            nn.Flatten(), dense(self, three, wide), dense(self, wide, wide), self.classify(wide, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
