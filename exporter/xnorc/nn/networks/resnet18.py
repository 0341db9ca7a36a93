# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 with a shortcut around every binary convolution (Bi-Real Net, arXiv 1808.00278), for small images."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.blocks import residual_stages
from xnorc.nn.network import Network


class ResNet18(Network):
    """Stem 64 - 4 units each of 64, 128, 256, 512 channels - average - linear.

    The stem has stride 1 and no pool, as CIFAR adaptations do; 28x28 images get two pixels of zeros on each side.
    LAB-BNN (arXiv 2210.13858), DyBCNN-ResNet18 and SD-BNN's ImageNet network are this shape with another binarizer
    and `activation` (`prelu`, `rprelu`, `prelu`).

    Shape: x (N, in_ch, size, size) -> (N, classes).

    Args: see `Network`, `activation` is `prelu` by default; and
        shortcut: where the shape changes: `pool` (average pool, new channels zero), `conv` (average pool, 1x1 int8
            convolution, batch norm: the papers' on ImageNet) or `slice`.

    1.31 MiB of binary weights at width 1.
    """

    name: ClassVar[str] = "resnet18"
    activation: ClassVar[str] = "prelu"

    def __init__(self, classes: int = 10, *, shortcut: str = "pool", **choices: Any) -> None:
        super().__init__(**choices)
        widths = [self.scaled(ch) for ch in (64, 128, 256, 512)]
        pad = 1 + (32 - self.size) // 2
        stem = self.stem(widths[0], pad=pad)
        self.features = nn.Sequential(stem, residual_stages(self, stem, widths, 4, shortcut), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Flatten(), self.classify(widths[3], classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
