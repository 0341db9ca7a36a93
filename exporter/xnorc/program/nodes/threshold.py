# SPDX-License-Identifier: Apache-2.0
"""Integers to bits by thresholds, where no convolution could take them as its epilogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.thresholds import Thresholds


@dataclass(frozen=True, eq=False, kw_only=True)
class Threshold(Node):
    """bit = (thr <= v [< thr2]) ^ flip, per channel and class of place; see `Thresholds`."""

    thresholds: Thresholds

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16, Kind.I32)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        return self.thresholds.apply(arrays[0])

    def check(self, *tensors: Tensor) -> None:
        expect(
            self.output.kind is Kind.BIT and self.output.shape == tensors[0].shape,
            self,
            "output must be bits of the input's shape",
        )

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        result = super().verify(tensors, bounds)
        self.thresholds.verify(self.name, self.output.shape, bounds[0])
        return result

    def bounds(self, *bounds: Bounds) -> Bounds:
        return 0, 1
