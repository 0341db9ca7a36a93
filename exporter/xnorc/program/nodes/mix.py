# SPDX-License-Identifier: Apache-2.0
"""Weighted sum of two integer maps in 64 bits: weights of 16 bits as two planes of 8, or of two unlike values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Mix(Node):
    """q = clamp((a * mul_a + b * mul_b + round) >> shift, low, high), round = 2^(shift-1) or 0 for shift 0.

    Two uses.  Weights w = 255 h + l with h and l in int8: sum w x = 255 sum h x + sum l x.  Weights m + s a with s
    = +-1: sum w x = a dot + m sum x, where the window sum of x is one channel for all: b may have a single channel.

    Attributes:
        mul_a, mul_b: int32 (ch,).
        shift: 0..62.
        low, high: saturation limits, within the output's kind.
    """

    mul_a: np.ndarray
    mul_b: np.ndarray
    shift: int
    low: int
    high: int

    arity: ClassVar[int | None] = 2
    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16, Kind.I32)

    @property
    def round(self) -> int:
        """Half a unit of the result."""
        return (1 << self.shift) >> 1

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray:
        a, b = (x.astype(np.int64) for x in arrays)
        wide = a * self.mul_a.astype(np.int64) + b * self.mul_b.astype(np.int64) + self.round
        return np.asarray(wide >> self.shift)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return np.clip(self.unclamped(*arrays), self.low, self.high).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        h, w, ch = self.output.shape
        a, b = tensors
        expect(a.shape == (h, w, ch), self, f"input {a.name} is {a.shape}", f"{(h, w, ch)}")
        expect(b.shape in ((h, w, ch), (h, w, 1)), self, f"input {b.name} is {b.shape}", f"{(h, w, ch)} or {(h, w, 1)}")
        for mul in (self.mul_a, self.mul_b):
            expect(mul.dtype == np.int32 and mul.shape == (ch,), self, "multipliers must be int32 (ch,)")
        expect(
            0 <= self.shift <= 62 and self.low <= self.high, self, f"shift {self.shift}, limits {self.low}..{self.high}"
        )

    def _wide(self, *bounds: Bounds) -> tuple[int, int]:
        """Bounds of the sum ahead of the shift."""
        low, high = np.full(len(self.mul_a), self.round, object), np.full(len(self.mul_a), self.round, object)
        for mul, ends in zip((self.mul_a, self.mul_b), bounds, strict=True):
            products = [mul.astype(object) * e for e in ends]
            low, high = low + np.minimum(*products), high + np.maximum(*products)
        return int(low.min()), int(high.max())

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        result = super().verify(tensors, bounds)
        expect(max(abs(e) for e in self._wide(*bounds)) < 2**63, self, "the sum can exceed 64 bits")
        return result

    def bounds(self, *bounds: Bounds) -> Bounds:
        low, high = (e >> self.shift for e in self._wide(*bounds))
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)
