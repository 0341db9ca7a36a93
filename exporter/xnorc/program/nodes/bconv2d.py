# SPDX-License-Identifier: Apache-2.0
"""Binary convolution: bits by +-1 weights.  A linear layer is one whose kernel covers the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.conv import windowed_sum
from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.thresholds import Thresholds
from xnorc.program.window import Window


@dataclass(frozen=True, eq=False, kw_only=True)
class BConv2d(Node):
    """dot = sum over valid taps and channels of a * w, with a and w in {-1, +1}.

    With P = number of positions where the bits of a and w differ and n = number of valid positions,
    dot = (n - P) - P = n - 2 P: that is what the kernels count.

    Attributes:
        weights: int8 (out_ch, kh, kw, in_ch // groups), every element -1 or +1.
        window: geometry.  pad_mode "skip" shrinks n at the border, exactly PyTorch's zero padding.
        groups: channel groups; in_ch is depthwise.
        thresholds: gives a bit output; None leaves the dot (int16 or int32).
    """

    weights: np.ndarray
    window: Window
    groups: int = 1
    thresholds: Thresholds | None = None

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.BIT,)

    @property
    def fan_in(self) -> int:
        """Products in a full window."""
        return int(np.prod(self.weights.shape[1:]))

    def dot(self, x: np.ndarray) -> np.ndarray:
        """x bits (N, h, w, in_ch) -> int32 dots (N, out_h, out_w, out_ch)."""
        signs = x.astype(np.int8) * 2 - 1
        fill = self.window.pad_value * 2 - 1
        return windowed_sum(signs, self.weights, self.window, self.groups, fill, self.fan_in)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        dot = self.dot(arrays[0])
        return dot.astype(self.output.kind.dtype) if self.thresholds is None else self.thresholds.apply(dot)

    def check(self, *tensors: Tensor) -> None:
        expect(
            bool(np.isin(self.weights, (-1, 1)).all()) and self.weights.dtype == np.int8,
            self,
            "weights must be int8 of -1 and +1",
        )
        expect(self.window.pad_value in (0, 1), self, f"pad value {self.window.pad_value} is not a bit")
        check_conv(self, tensors[0], self.weights, self.window, self.groups)
        if self.thresholds is not None:
            self.thresholds.verify(self.name, self.output.shape, (-self.fan_in, self.fan_in))

    def bounds(self, *bounds: Bounds) -> Bounds:
        return (-self.fan_in, self.fan_in) if self.thresholds is None else (0, 1)

    def macs(self, *tensors: Tensor) -> int:
        return self.output.size * self.fan_in


def check_conv(node: Node, source: Tensor, weights: np.ndarray, window: Window, groups: int) -> None:
    """The shape rules all convolutions share."""
    h, w, in_ch = source.shape
    expect(
        weights.ndim == 4 and weights.size > 0,
        node,
        f"weights of shape {weights.shape}",
        "(out_ch, kh, kw, in_ch / groups)",
    )
    out_ch, kh, kw, per_group = weights.shape
    expect((kh, kw) == (window.kh, window.kw), node, f"{kh}x{kw} weights in a {window.kh}x{window.kw} window")
    expect(
        groups >= 1 and in_ch % groups == 0 and out_ch % groups == 0,
        node,
        f"{groups} groups for {in_ch} -> {out_ch} channels",
    )
    expect(
        per_group == in_ch // groups,
        node,
        f"weights for {per_group * groups} channels, input {source.name} has {in_ch}",
    )
    window.verify(node.name, h, w)
    expect(
        node.output.shape == (*window.out_hw(h, w), out_ch),
        node,
        f"output shape {node.output.shape}",
        f"{(*window.out_hw(h, w), out_ch)}",
    )
    bits = getattr(node, "thresholds", None) is not None
    stream = getattr(node, "requant", None) is not None
    kinds = (Kind.BIT,) if bits else (Kind.I8, Kind.I16, Kind.I32) if stream else (Kind.I16, Kind.I32)
    expect(
        node.output.kind in kinds,
        node,
        f"output kind {node.output.kind.value}",
        "bit with thresholds, i8 to i32 with requant, i16 or i32 without either",
    )
