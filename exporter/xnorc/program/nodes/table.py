# SPDX-License-Identifier: Apache-2.0
"""Any smooth function of one int16, by 257 values and straight lines between: the sigmoid of a dynamic binarizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Table(Node):
    """With i = (v >> 8) + 128 and f = v & 255:  out = values[i] + (((values[i + 1] - values[i]) * f + 128) >> 8).

    One table serves all channels.

    Attributes:
        values: int16 (257,): the function at v = -32768, -32512, ..., 32768.
    """

    values: np.ndarray

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.I16,)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        v = arrays[0].astype(np.int32)
        at, part = (v >> 8) + 128, v & 255
        values = self.values.astype(np.int32)
        between = ((values[at + 1] - values[at]) * part + 128) >> 8
        return (values[at] + between).astype(np.int16)

    def check(self, *tensors: Tensor) -> None:
        expect(self.values.shape == (257,) and self.values.dtype == np.int16, self, "values must be int16 (257,)")
        expect(
            self.output.kind is Kind.I16 and self.output.shape == tensors[0].shape,
            self,
            "output must be i16 of the input's shape",
        )

    def bounds(self, *bounds: Bounds) -> Bounds:
        low, high = bounds[0]
        reached = self.values[(low >> 8) + 128 : (high >> 8) + 130]
        return int(reached.min()), int(reached.max())
