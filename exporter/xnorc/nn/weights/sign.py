# SPDX-License-Identifier: Apache-2.0
"""Plain sign of the latent weight, sign(0) = +1 (BinaryNet, arXiv 1602.02830 section 1.1)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xnorc.nn.weight_binarizer import WeightBinarizer


class SignWeight(WeightBinarizer):
    """w -> +-1.  See `WeightBinarizer`."""

    name: ClassVar[str] = "sign"

    def forward(self, w: Tensor) -> Tensor:
        return self.step(w)
