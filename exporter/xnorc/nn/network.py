# SPDX-License-Identifier: Apache-2.0
"""What every reference network is: pixels in [0, 1] in, logits out, one width factor, any binarizer by name."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from xnorc.errors import XnorcError


class Network(nn.Module):
    """Base of the networks in `xnorc.nn.networks`.

    Shape: x (N, in_ch, size, size) in [0, 1] -> logits (N, classes).

    A subclass's constructor takes `classes`, and by keyword `in_ch`, `size`, `width` (channel factor),
    `binarizer` (a name of `xnorc.nn.binarizers`), `weight` (a name of `xnorc.nn.weights`), and passes any further
    keyword to the binarizers.

    Attributes:
        name: what recipes call it.
        sizes: the image sizes it is made for.
    """

    name: ClassVar[str]
    sizes: ClassVar[tuple[int, ...]] = (28, 32)

    def __init__(self, in_ch: int, size: int) -> None:
        super().__init__()
        if size not in self.sizes:
            allowed = " or ".join(f"{s}x{s}" for s in self.sizes)
            raise XnorcError(f"network {self.name}", f"images of {size}x{size}", allowed)
        self.in_ch, self.size = in_ch, size

    @staticmethod
    def scaled(channels: int, width: float, multiple: int = 4) -> int:
        """channels * width, rounded to a positive multiple (DeSign's tiles cycle over 4 channels)."""
        return max(multiple, round(channels * width / multiple) * multiple)

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
