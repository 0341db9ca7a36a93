# SPDX-License-Identifier: Apache-2.0
"""Max pool on bits: OR, or AND for channels whose threshold was flipped below the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.window import Window, take


@dataclass(frozen=True, eq=False, kw_only=True)
class BMaxPool2d(Node):
    """out = OR of the window's bits; AND where `flip` is set.

    A max pool ahead of a threshold sinks below it: max(v) >= thr is OR(v_i >= thr), so with the bit stored
    flipped, b = (v >= thr) ^ f, the pooled bit is (OR(b_i ^ f)) ^ f: OR for f = 0 and AND for f = 1.
    Taps outside the image are skipped (the pool's pad is minus infinity).

    Attributes:
        window: geometry, pad_mode "skip".
        flip: bool (ch,), channels that pool by AND.
    """

    window: Window
    flip: np.ndarray

    in_kinds: ClassVar[tuple[Kind, ...]] = (Kind.BIT,)

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        x = arrays[0] ^ self.flip.astype(np.uint8)
        rows, cols = self.window.rows(x.shape[1]), self.window.cols(x.shape[2])
        taps = ((ky, kx) for ky in range(self.window.kh) for kx in range(self.window.kw))
        pooled = sum(take(x, rows[:, ky], cols[:, kx], 0, 0) for ky, kx in taps) > 0
        return (pooled ^ self.flip).astype(np.uint8)

    def check(self, *tensors: Tensor) -> None:
        check_pool(self, tensors[0], self.window)
        expect(
            self.flip.shape == (tensors[0].shape[2],) and self.flip.dtype == np.bool_, self, "flip must be bool (ch,)"
        )
        expect(self.output.kind is Kind.BIT, self, "output must be bits")

    def bounds(self, *bounds: Bounds) -> Bounds:
        return 0, 1


def check_pool(node: Node, source: Tensor, window: Window) -> None:
    """The shape rules all pools share; every window must see at least one pixel."""
    h, w, ch = source.shape
    window.verify(node.name, h, w)
    expect(window.pad_mode == "skip", node, f"pad mode {window.pad_mode}", "pools skip taps outside the image")
    expect(
        node.output.shape == (*window.out_hw(h, w), ch),
        node,
        f"output shape {node.output.shape}",
        f"{(*window.out_hw(h, w), ch)}",
    )
    sees = (window.rows(h) >= 0).any(axis=1).all() and (window.cols(w) >= 0).any(axis=1).all()
    expect(bool(sees), node, "a window lies wholly outside the image")
