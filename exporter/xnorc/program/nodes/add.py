# SPDX-License-Identifier: Apache-2.0
"""Saturating addition of two streams of possibly different scales: the residual join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Node):
    """q = clamp((a * mul_a + b * mul_b + round) >> shift, low, high), round = 2^(shift-1) or 0 for shift 0.

    Streams of one scale use mul_a = mul_b = 1 and shift = 0.  All sums fit int32 (verified).

    Attributes:
        mul_a, mul_b: integers within int16; negative ones subtract.
        shift: 0..15.
        low, high: saturation limits, within the output's kind.
    """

    mul_a: int = 1
    mul_b: int = 1
    shift: int = 0
    low: int
    high: int

    arity: ClassVar[int | None] = 2
    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16)

    @property
    def round(self) -> int:
        """Half a unit of the result."""
        return (1 << self.shift) >> 1

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray:
        a, b = (x.astype(np.int64) for x in arrays)
        return np.asarray((a * self.mul_a + b * self.mul_b + self.round) >> self.shift)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return np.clip(self.unclamped(*arrays), self.low, self.high).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        expect(
            tensors[0].shape == tensors[1].shape == self.output.shape,
            self,
            f"shapes {tensors[0].shape}, {tensors[1].shape} -> {self.output.shape}",
        )
        expect(
            max(abs(self.mul_a), abs(self.mul_b)) < 2**15 and 0 <= self.shift <= 15,
            self,
            "multipliers must fit int16 and shift 0..15",
        )
        expect(self.low <= self.high, self, f"limits {self.low}..{self.high}")

    def _wide(self, a: Bounds, b: Bounds) -> Bounds:
        ends_a, ends_b = [e * self.mul_a for e in a], [e * self.mul_b for e in b]
        return min(ends_a) + min(ends_b) + self.round, max(ends_a) + max(ends_b) + self.round

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        result = super().verify(tensors, bounds)
        expect(max(abs(e) for e in self._wide(*bounds)) < 2**31, self, "the sum can exceed 32 bits")
        return result

    def bounds(self, *bounds: Bounds) -> Bounds:
        low, high = (e >> self.shift for e in self._wide(*bounds))
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)
