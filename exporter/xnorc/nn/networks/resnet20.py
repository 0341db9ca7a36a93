# SPDX-License-Identifier: Apache-2.0
"""ResNet-20 with a shortcut around every binary convolution (Bi-Real form), as in SD-BNN (arXiv 2103.02394)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import residual_stages
from xnorc.nn.network import Network


class ResNet20(Network):
    """Stem 16 - 6 units of 16 - 6 of 32 - 6 of 64 channels - average - batch norm - linear.

    Units are `activate(norm(conv(binarize(x))) + x)`; the first of the second and third stages has stride 2 and a
    parameter-free shortcut (every second pixel, new channels zero).

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`; `activation` is `hardtanh` by default,
    which bounds the stream to [-1, 1].  32.6 KiB of binary weights at width 1.
    """

    name: ClassVar[str] = "resnet20"
    activation: ClassVar[str] = "hardtanh"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        widths = [self.scaled(ch) for ch in (16, 32, 64)]
        stem = self.stem(widths[0])
        stages = residual_stages(self, stem, widths, 6, "slice")
        self.features = nn.Sequential(stem, self.activate(widths[0]), stages, nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(widths[2]), self.classify(widths[2], classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
