# SPDX-License-Identifier: Apache-2.0
"""Any function of one int8, by its 256 values: the sigmoid of a dynamic binarizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Table(Node):
    """out = values[v + 128], v an int8; one table for all channels.

    Attributes:
        values: int16 (256,).
    """

    values: np.ndarray

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.I8,)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return np.asarray(self.values[arrays[0].astype(np.int64) + 128])

    def check(self, *tensors: Tensor) -> None:
        expect(self.values.shape == (256,) and self.values.dtype == np.int16, self, "values must be int16 (256,)")
        expect(
            self.output.kind is Kind.I16 and self.output.shape == tensors[0].shape,
            self,
            "output must be i16 of the input's shape",
        )

    def bounds(self, *bounds: Bounds) -> Bounds:
        low, high = bounds[0]
        reached = self.values[low + 128 : high + 129]
        return int(reached.min()), int(reached.max())
