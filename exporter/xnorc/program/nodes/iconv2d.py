# SPDX-License-Identifier: Apache-2.0
"""Integer convolution: pixels or streams by int8, int16 or +-1 weights: first layers, stencils, shortcuts, heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.conv import windowed_sum
from xnorc.program.node import Bounds, Node, expect
from xnorc.program.nodes.bconv2d import check_conv
from xnorc.program.requant import Requant
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.thresholds import Thresholds
from xnorc.program.window import Window

INT32 = 2**31 - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class IConv2d(Node):
    """sum over valid taps and channels of x * w, exact in int32.

    Attributes:
        weights: int8 (out_ch, kh, kw, in_ch // groups), -127..127; all +-1 renders as packed signs; or int16,
            -32767..32767.
        window, groups: as in BConv2d; `window.pad_value` is an integer of the input's kind.
        thresholds: gives a bit output.
        requant: gives a stream (int8 to int32).  Without either the sum is left (int16 or int32).
    """

    weights: np.ndarray
    window: Window
    groups: int = 1
    thresholds: Thresholds | None = None
    requant: Requant | None = None

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.U8, Kind.I8, Kind.I16)

    @property
    def is_binary(self) -> bool:
        """True where every weight is -1 or +1."""
        return bool(np.isin(self.weights, (-1, 1)).all())

    def sum_bounds(self, low: int, high: int) -> Bounds:
        """Bounds of any partial sum, whatever taps are skipped."""
        if self.window.pad_mode == "constant":
            low, high = min(low, self.window.pad_value), max(high, self.window.pad_value)
        flat = self.weights.reshape(len(self.weights), -1).astype(np.int64)
        up, down = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
        least = (up * min(low, 0) + down * max(high, 0)).min()
        most = (up * max(high, 0) + down * min(low, 0)).max()
        return int(least), int(most)

    def dot(self, x: np.ndarray) -> np.ndarray:
        """x (N, h, w, in_ch) -> int32 sums (N, out_h, out_w, out_ch)."""
        low, high = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
        bound = min(max(abs(b) for b in self.sum_bounds(int(low), int(high))), INT32)  # verify() has proved the latter
        return windowed_sum(x, self.weights, self.window, self.groups, self.window.pad_value, bound)

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray | None:
        return None if self.requant is None else self.requant.unclamped(self.dot(arrays[0]))

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        dot = self.dot(arrays[0])
        if self.thresholds is not None:
            return self.thresholds.apply(dot)
        out = dot if self.requant is None else self.requant.apply(dot)
        return out.astype(self.output.kind.dtype)

    def check(self, *tensors: Tensor) -> None:
        expect(self.weights.dtype in (np.int8, np.int16), self, f"weights are {self.weights.dtype}", "int8 or int16")
        most = np.iinfo(self.weights.dtype).max
        expect(int(self.weights.min(initial=0)) >= -most, self, f"weights must be within -{most}..{most}")
        low, high = tensors[0].kind.range
        expect(
            low <= self.window.pad_value <= high,
            self,
            f"pad value {self.window.pad_value} is no {tensors[0].kind.value}",
        )
        check_conv(self, tensors[0], self.weights, self.window, self.groups)
        if self.requant is not None:
            expect(self.thresholds is None, self, "thresholds and requant exclude each other")
            self.requant.check(self.name, self.output)

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        reach = self.sum_bounds(*bounds[0])
        expect(max(abs(b) for b in reach) < INT32, self, f"sums within {reach} exceed int32")
        result = super().verify(tensors, bounds)
        if self.thresholds is not None:
            self.thresholds.verify(self.name, self.output.shape, reach)
        expect(
            self.requant is None or self.requant.fits(reach),
            self,
            f"sums within {reach} leave 64 bits where they are requantized, or 32 once shifted",
        )
        return result

    def bounds(self, *bounds: Bounds) -> Bounds:
        if self.thresholds is not None:
            return 0, 1
        reach = self.sum_bounds(*bounds[0])
        return reach if self.requant is None else self.requant.bounds(reach)

    def macs(self, *tensors: Tensor) -> int:
        return self.output.size * int(np.prod(self.weights.shape[1:]))
