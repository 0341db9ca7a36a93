# SPDX-License-Identifier: Apache-2.0
"""Max pool on integers, where it cannot sink below a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.nodes.bmaxpool2d import check_pool
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.window import Window, take


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool2d(Node):
    """out = greatest value of the window; taps outside the image are skipped."""

    window: Window

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16, Kind.I32)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        x = arrays[0]
        rows, cols = self.window.rows(x.shape[1]), self.window.cols(x.shape[2])
        least = np.iinfo(x.dtype).min
        taps = [(ky, kx) for ky in range(self.window.kh) for kx in range(self.window.kw)]
        return np.maximum.reduce([take(x, rows[:, ky], cols[:, kx], least, least) for ky, kx in taps])

    def check(self, *tensors: Tensor) -> None:
        check_pool(self, tensors[0], self.window)
        expect(self.output.kind is tensors[0].kind, self, "output kind must be the input's")

    def bounds(self, *bounds: Bounds) -> Bounds:
        return bounds[0]
