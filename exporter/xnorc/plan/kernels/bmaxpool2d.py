# SPDX-License-Identifier: Apache-2.0
"""Kernels of BMaxPool2d."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Struct, pointer, scalars
from xnorc.plan.pack import flip_words, window
from xnorc.program import Node, Tensor, Window
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    pool = cast(BMaxPool2d, node)
    h, w, ch = tensors[0].shape

    def build() -> Struct:
        members = (
            pointer("flip", flip_words(pool.flip)),
            window(pool.window),
            *scalars("uint16_t", h=h, w=w, ch=ch, out_h=pool.output.shape[0], out_w=pool.output.shape[1]),
        )
        return Struct("bnn_bmaxpool2d_t", members)

    return [Kernel(function="bnn_bmaxpool2d_ref", build=build, in_place=follows(pool.window))]


def follows(window: Window) -> tuple[int, ...]:
    """(0,) if a pool may write over its input as it goes.

    Without pads output pixel i = y * out_w + x reads pixels from y * stride_h * w + x * stride_w >= i on, and so
    does every later one: what is written lies behind all that is still read.
    """
    return () if window.pad_top or window.pad_left else (0,)
