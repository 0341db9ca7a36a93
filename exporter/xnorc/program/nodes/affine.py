# SPDX-License-Identifier: Apache-2.0
"""Per-channel multiply, add, shift and saturate: sums to streams, streams to streams, sums to logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Affine(Node):
    """q = clamp((v * mul + add) >> shift, low, high), in 64-bit integers; >> rounds towards minus infinity.

    `add` holds the bias in units of 2^-shift and, where rounding to nearest is wanted, 2^(shift-1) more.

    Attributes:
        mul: int32 (n_rows, n_cols, ch).
        add: int64 (n_rows, n_cols, ch).
        shift: 0..62.
        low, high: saturation limits, within the output's kind; a Hardtanh is just tighter limits.
        rows, cols: uint8 classes of each row and column, as in `Thresholds`.
    """

    mul: np.ndarray
    add: np.ndarray
    shift: int
    low: int
    high: int
    rows: np.ndarray
    cols: np.ndarray

    in_kinds: ClassVar[tuple[Kind, ...]] = tuple(Kind)

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray:
        at = np.ix_(self.rows, self.cols)
        wide = arrays[0].astype(np.int64) * self.mul[at].astype(np.int64) + self.add[at]
        return np.asarray(wide >> self.shift)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return np.clip(self.unclamped(*arrays), self.low, self.high).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        h, w, ch = tensors[0].shape
        expect(self.output.shape == tensors[0].shape, self, "output shape must be the input's")
        expect(self.mul.dtype == np.int32 and self.add.dtype == np.int64, self, "mul must be int32 and add int64")
        expect(
            self.mul.shape == self.add.shape and self.mul.shape[2:] == (ch,),
            self,
            f"mul {self.mul.shape} and add {self.add.shape} for {ch} channels",
        )
        expect(self.rows.shape == (h,) and self.cols.shape == (w,), self, "one class per row and per column is needed")
        expect(self.rows.dtype == np.uint8 and self.cols.dtype == np.uint8, self, "classes must be uint8")
        expect(
            int(self.rows.max()) < self.mul.shape[0] and int(self.cols.max()) < self.mul.shape[1],
            self,
            "a class that does not exist",
        )
        expect(
            0 <= self.shift <= 62 and self.low <= self.high, self, f"shift {self.shift}, limits {self.low}..{self.high}"
        )

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        result = super().verify(tensors, bounds)
        reach = max(abs(b) for b in bounds[0])
        worst = reach * int(np.abs(self.mul.astype(np.int64)).max()) + max(
            abs(int(self.add.max())), abs(int(self.add.min()))
        )
        expect(worst < 2**63, self, f"{worst} exceeds 64 bits")
        return result

    def bounds(self, *bounds: Bounds) -> Bounds:
        mul = self.mul.astype(object)
        ends = [(b * mul + self.add.astype(object)) for b in bounds[0]]
        low = min(int(e.min()) for e in ends) >> self.shift
        high = max(int(e.max()) for e in ends) >> self.shift
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)
