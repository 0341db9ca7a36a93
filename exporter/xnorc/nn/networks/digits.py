# SPDX-License-Identifier: Apache-2.0
"""A dithered binary network for 8x8 digits that fits the smallest boards."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.nn.binarizers import make_binarizer
from xnorc.nn.layers import BinaryConv2d, BinaryLinear
from xnorc.nn.network import Network


class Digits(Network):
    """conv3x3 - conv3x3 - pool - conv3x3 - pool - linear, every weight +-1, every activation a bit.

    Shape: x (N, 1, 8, 8), pixels / 255 -> logits (N, classes).  At width 1: 32, 32, 64 channels, 3.7 KiB of weights.

    Args: as `Network`.
    """

    name: ClassVar[str] = "digits"
    sizes: ClassVar[tuple[int, ...]] = (8,)

    def __init__(
        self,
        classes: int = 10,
        *,
        in_ch: int = 1,
        size: int = 8,
        width: float = 1.0,
        binarizer: str = "design",
        weight: str = "sign",
        **options: Any,
    ) -> None:
        super().__init__(in_ch, size)
        first, second, third = (self.scaled(ch, width) for ch in (32, 32, 64))

        def block(source: int, out_ch: int, pool: bool) -> nn.Sequential:
            norm = nn.BatchNorm2d(out_ch)
            binarize = make_binarizer(binarizer, out_ch, **options)
            binarize.follow(norm)
            conv = BinaryConv2d(source, out_ch, 3, pad=1, weight=weight)
            return nn.Sequential(conv, *([nn.MaxPool2d(2)] if pool else []), norm, binarize)

        self.features = nn.Sequential(
            block(in_ch, first, pool=False), block(first, second, pool=True), block(second, third, pool=True)
        )
        self.head = nn.Sequential(
            nn.Flatten(), BinaryLinear(third * (size // 4) ** 2, classes, weight=weight), nn.BatchNorm1d(classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
