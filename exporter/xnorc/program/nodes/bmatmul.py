# SPDX-License-Identifier: Apache-2.0
"""Product of two binary activations for each group (attention head): queries by keys, scores by values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class BMatMul(Node):
    """out[n, 0, g * cols + m] = sum over d of a(g, n, d) * b(g, m, d).

    Both operands are read where they lie, by strides in elements of the (h, w, ch) order, so that heads, transposes and
    chunks of a map cost nothing: a(g, n, d) is element a_start + g * a_group + n * a_row + d * a_depth of the first
    input, b(g, m, d) is element b_start + g * b_group + m * b_col + d * b_depth of the second.  A bit 1 counts as +1,
    a bit 0 as a_low or b_low.

    Attributes:
        groups, rows, cols, depth: numbers of g, n, m and d, 1..65535.
        a_start, a_group, a_row, a_depth, b_start, b_group, b_col, b_depth: elements, not negative.
        a_low, b_low: -1, or 0 for bits of {0, 1}.
    """

    groups: int
    rows: int
    cols: int
    depth: int
    a_start: int
    a_group: int
    a_row: int
    a_depth: int
    b_start: int
    b_group: int
    b_col: int
    b_depth: int
    a_low: int = -1
    b_low: int = -1

    arity: ClassVar[int | None] = 2
    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.BIT,)

    def _walk(self, index: int) -> tuple[int, tuple[int, int, int], tuple[int, int, int]]:
        """(start, sizes, strides) of how the first (0) or second (1) input is read, over (group, row or column, d)."""
        if index == 0:
            return self.a_start, (self.groups, self.rows, self.depth), (self.a_group, self.a_row, self.a_depth)
        return self.b_start, (self.groups, self.cols, self.depth), (self.b_group, self.b_col, self.b_depth)

    def _at(self, index: int) -> np.ndarray:
        """int64 (groups, rows or cols, depth): elements of an input."""
        start, sizes, strides = self._walk(index)
        g, n, d = np.ogrid[: sizes[0], : sizes[1], : sizes[2]]
        return np.asarray(start + g * strides[0] + n * strides[1] + d * strides[2], np.int64)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        samples = len(arrays[0])
        read = (x.reshape(samples, -1)[:, self._at(i)] for i, x in enumerate(arrays))
        a, b = (np.where(x == 1, 1.0, low) for x, low in zip(read, (self.a_low, self.b_low), strict=True))
        sums = a @ b.swapaxes(-1, -2)  # (samples, groups, rows, cols); whole numbers below 2^16, exact in any order
        return sums.transpose(0, 2, 1, 3).reshape(samples, *self.output.shape).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        sizes = (self.groups, self.rows, self.cols, self.depth)
        expect(all(1 <= n <= 65535 for n in sizes), self, f"sizes {sizes}", "1..65535")
        wanted = (self.rows, 1, self.groups * self.cols)
        expect(self.output.shape == wanted, self, f"output is {self.output.shape}", f"{wanted}")
        expect(self.output.kind in (Kind.I16, Kind.I32), self, f"output is {self.output.kind.value}", "i16 or i32")
        expect({self.a_low, self.b_low} <= {-1, 0}, self, f"a bit 0 is {self.a_low}, {self.b_low}", "-1 or 0")
        for index, tensor in enumerate(tensors):
            start, counts, strides = self._walk(index)
            expect(min(start, *strides) >= 0, self, f"start {start}, strides {strides}", "none negative")
            last = start + sum((n - 1) * stride for n, stride in zip(counts, strides, strict=True))
            expect(last < tensor.size, self, f"reads element {last} of input {tensor.name}, which has {tensor.size}")

    def bounds(self, *bounds: Bounds) -> Bounds:
        return (0 if self.a_low == self.b_low == 0 else -self.depth), self.depth

    def macs(self, *tensors: Tensor) -> int:
        return self.groups * self.rows * self.cols * self.depth
