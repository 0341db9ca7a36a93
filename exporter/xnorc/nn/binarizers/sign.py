# SPDX-License-Identifier: Apache-2.0
"""Plain sign: +1 where x >= 0 (BinaryNet, arXiv 1602.02830 section 1.1, with the bit at zero declared)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xnorc.nn.binarizer import Binarizer


class Sign(Binarizer):
    """x -> +-1, one threshold (zero) for all.  No parameters.  See `Binarizer` for shapes and arguments."""

    name: ClassVar[str] = "sign"

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x)
