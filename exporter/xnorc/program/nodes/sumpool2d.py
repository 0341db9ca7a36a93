# SPDX-License-Identifier: Apache-2.0
"""Window sums: an average pool up to its division, which the next Affine does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.nodes.bmaxpool2d import check_pool
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.window import Window, take


@dataclass(frozen=True, eq=False, kw_only=True)
class SumPool2d(Node):
    """out = sum of the window's values; taps outside the image add 0.  Bits count as 0 and 1."""

    window: Window

    in_kinds: ClassVar[tuple[Kind, ...]] = tuple(Kind)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        x = arrays[0].astype(np.int32)
        rows, cols = self.window.rows(x.shape[1]), self.window.cols(x.shape[2])
        taps = ((ky, kx) for ky in range(self.window.kh) for kx in range(self.window.kw))
        total = sum(take(x, rows[:, ky], cols[:, kx], 0, 0) for ky, kx in taps)
        return np.asarray(total).astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        check_pool(self, tensors[0], self.window)
        expect(self.output.kind in (Kind.I16, Kind.I32), self, "output must be i16 or i32")

    def bounds(self, *bounds: Bounds) -> Bounds:
        taps = self.window.kh * self.window.kw
        return min(0, taps * bounds[0][0]), max(0, taps * bounds[0][1])
