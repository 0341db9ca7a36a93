# SPDX-License-Identifier: Apache-2.0
"""The way from a convolution's sums to a stream inside the convolution: an Affine that needs no map of sums.

q = clamp((v * mul[c] + add[c]) >> shift, low, high)        in 64 bits, >> rounds towards minus infinity

What is clamped fits 32 bits: kernels clamp there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.errors import ProgramError
from xnorc.program.tensor import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Requant:
    """See the module text; rounding to nearest is 2^(shift-1) in `add`.

    Attributes:
        mul: int32 (ch,).
        add: int64 (ch,), in units of 2^-shift.
        shift: 0..62.
        low, high: saturation limits, within the output's kind.
    """

    mul: np.ndarray
    add: np.ndarray
    shift: int
    low: int
    high: int

    def unclamped(self, v: np.ndarray) -> np.ndarray:
        """v (N, h, w, ch) integers -> int64 of the same shape, before it is clamped."""
        wide = v.astype(np.int64) * self.mul.astype(np.int64) + self.add
        return np.asarray(wide >> self.shift)

    def apply(self, v: np.ndarray) -> np.ndarray:
        """v (N, h, w, ch) integers -> int64 of the same shape, within low..high."""
        return np.clip(self.unclamped(v), self.low, self.high)

    def check(self, where: str, output: Tensor) -> None:
        """Raise ProgramError unless the fields fit each other and `output`."""
        ch = output.shape[2]
        if self.mul.shape != (ch,) or self.add.shape != (ch,):
            raise ProgramError(where, f"mul {self.mul.shape} and add {self.add.shape} for {ch} channels")
        if self.mul.dtype != np.int32 or self.add.dtype != np.int64:
            raise ProgramError(where, f"mul is {self.mul.dtype} and add {self.add.dtype}", "int32 and int64")
        least, most = output.kind.range
        if not 0 <= self.shift <= 62 or not least <= self.low <= self.high <= most:
            raise ProgramError(where, f"shift {self.shift}, limits {self.low}..{self.high} of {output.kind.value}")

    def fits(self, bounds: tuple[int, int]) -> bool:
        """Whether sums within `bounds` stay within 64 bits, and within 32 once they are shifted."""
        most = max(abs(end) for end in self._ends(bounds))
        return most < 2**63 and most >> self.shift < 2**31 - 1

    def bounds(self, bounds: tuple[int, int]) -> tuple[int, int]:
        """Of what comes of sums within `bounds`."""
        ends = self._ends(bounds)
        low, high = min(ends) >> self.shift, max(ends) >> self.shift
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)

    def _ends(self, bounds: tuple[int, int]) -> list[int]:
        mul, add = self.mul.astype(object), self.add.astype(object)
        return [int(value) for end in bounds for value in end * mul + add]
