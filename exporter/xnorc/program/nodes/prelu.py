# SPDX-License-Identifier: Apache-2.0
"""PReLU and RPReLU (shift, PReLU, shift) on a stream, in fixed point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class PRelu(Node):
    """v = q - before; if v < 0: v = (v * slope + 2^11) >> 12; out = clamp(v + after, low, high).

    ReActNet's RPReLU (x + b1, PReLU, + b2) has before = -b1 and after = b2 in units of the stream.

    Attributes:
        before, after: int32 (ch,), within -32768..32767.
        slope: int16 (ch,), Q3.12: 4096 is 1.0; may be negative or exceed 1.
        low, high: saturation limits, within the output's kind.
    """

    before: np.ndarray
    slope: np.ndarray
    after: np.ndarray
    low: int
    high: int

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.I8, Kind.I16)

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray:
        v = arrays[0].astype(np.int64) - self.before
        return np.asarray(np.where(v < 0, (v * self.slope.astype(np.int64) + 2048) >> 12, v) + self.after)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return np.clip(self.unclamped(*arrays), self.low, self.high).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        ch = tensors[0].shape[2]
        expect(self.output.shape == tensors[0].shape, self, "output shape must be the input's")
        expect(self.slope.dtype == np.int16 and self.slope.shape == (ch,), self, "slope must be int16 (ch,)")
        for shift in (self.before, self.after):
            fits = (
                shift.dtype == np.int32
                and shift.shape == (ch,)
                and bool((np.abs(shift.astype(np.int64)) < 2**15).all())
            )
            expect(fits, self, "shifts must be int32 (ch,) within int16")
        expect(self.low <= self.high, self, f"limits {self.low}..{self.high}")

    def bounds(self, *bounds: Bounds) -> Bounds:
        # v is piecewise linear in q: its extremes lie at the ends of the range or at the kink.
        low, high = bounds[0]
        q = np.stack([np.full(self.before.shape, e, np.int64) for e in (low, high)] + [np.clip(self.before, low, high)])
        v = q - self.before
        v = np.where(v < 0, (v * self.slope.astype(np.int64) + 2048) >> 12, v) + self.after
        return max(self.low, min(int(v.min()), self.high)), min(self.high, max(int(v.max()), self.low))
