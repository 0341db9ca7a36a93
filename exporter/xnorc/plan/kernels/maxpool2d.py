# SPDX-License-Identifier: Apache-2.0
"""Kernels of MaxPool2d."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, carrying
from xnorc.plan.kernels.bmaxpool2d import follows
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind, window
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.maxpool2d import MaxPool2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """Channel by channel on i16 without pads, and the reference."""
    pool = cast(MaxPool2d, node)
    h, w, ch = tensors[0].shape

    def build(sums: Kind) -> Struct:
        members = (
            window(pool.window),
            *scalars("uint16_t", h=h, w=w, ch=ch, out_h=pool.output.shape[0], out_w=pool.output.shape[1]),
            kind("kind", pool.output.kind),
            kind("sums_kind", sums),
        )
        return Struct("bnn_maxpool2d_t", members)

    in_place = follows(pool.window)
    edges = pool.window
    pads = edges.pad_top or edges.pad_left or edges.pad_bottom or edges.pad_right
    reference = Kernel(function="bnn_maxpool2d_ref", build=lambda: build(Kind.I32), in_place=in_place)
    if pool.output.kind is Kind.I16 and not pads:
        return [carrying("bnn_maxpool2d_i16", build, (Kind.I16, Kind.I32), in_place), reference]
    return [reference]
