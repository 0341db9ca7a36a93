# SPDX-License-Identifier: Apache-2.0
"""VGG-small as binarized in LQ-Nets, IR-Net and SD-BNN (arXiv 2103.02394)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import first, plain
from xnorc.nn.network import Network


class VGGSmall(Network):
    """128C3 (int8) - 128C3 - MP2 - 256C3 - 256C3 - MP2 - 512C3 - 512C3 - MP2 - FC (int8).

    The published networks feed real activations to the last layer; here it gets bits, so that no stream exists.
    They also put a Hardtanh ahead of every sign (`activation="hardtanh"`), which plain sign cannot
    tell, but statistics, LAB and thresholds beyond +-1 can.

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`.  558 KiB of binary weights at width 1.
    """

    name: ClassVar[str] = "vgg_small"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        one, two, three = (self.scaled(ch) for ch in (128, 256, 512))
        self.features = nn.Sequential(
            first(self, one),
            plain(self, one, one, pool=True),
            plain(self, one, two),
            plain(self, two, two, pool=True),
            plain(self, two, three),
            plain(self, three, three, pool=True),
        )
        self.head = nn.Sequential(nn.Flatten(), self.classify(three * (self.size // 8) ** 2, classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
