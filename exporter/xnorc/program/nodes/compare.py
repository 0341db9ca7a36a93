# SPDX-License-Identifier: Apache-2.0
"""Integers to bits by thresholds that were computed from the image: one per channel, for the whole map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Compare(Node):
    """bit = (v >= t[c]) ^ flip[c], inputs v (h, w, ch) and t (1, 1, ch).

    Attributes:
        flip: bool (ch,).
    """

    flip: np.ndarray

    arity: ClassVar[int | None] = 2
    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16, Kind.I32)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        v, t = (x.astype(np.int64) for x in arrays)
        return ((v >= t) ^ self.flip).astype(np.uint8)

    def check(self, *tensors: Tensor) -> None:
        v, t = tensors
        expect(t.shape == (1, 1, v.shape[2]), self, f"thresholds of shape {t.shape} for {v.shape[2]} channels")
        expect(t.kind in (Kind.I16, Kind.I32), self, f"thresholds are {t.kind.value}", "i16 or i32")
        expect(self.flip.shape == (v.shape[2],) and self.flip.dtype == np.bool_, self, "flip must be bool (ch,)")
        expect(self.output.kind is Kind.BIT and self.output.shape == v.shape, self, "output must be bits of v's shape")

    def bounds(self, *bounds: Bounds) -> Bounds:
        return 0, 1
