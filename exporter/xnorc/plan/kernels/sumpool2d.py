# SPDX-License-Identifier: Apache-2.0
"""Kernels of SumPool2d."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind, window
from xnorc.plan.riding import sums_channels
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.sumpool2d import SumPool2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """Channel by channel over a whole map of integers, and the reference."""
    pool = cast(SumPool2d, node)
    h, w, ch = tensors[0].shape

    def build() -> Struct:
        members = (
            window(pool.window),
            *scalars("uint16_t", h=h, w=w, ch=ch, out_h=pool.output.shape[0], out_w=pool.output.shape[1]),
            kind("in_kind", tensors[0].kind),
            kind("out_kind", pool.output.kind),
        )
        return Struct("bnn_sumpool2d_t", members)

    reference = Kernel(function="bnn_sumpool2d_ref", build=build)
    if tensors[0].kind is not Kind.BIT and sums_channels(pool, tensors[0]):
        return [Kernel(function="bnn_sumpool2d_whole", build=build), reference]
    return [reference]
