# SPDX-License-Identifier: Apache-2.0
"""Kernels of PRelu."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, carrying, shrinks
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.prelu import PRelu


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """Channel by channel where both streams are i16, and the reference."""
    prelu = cast(PRelu, node)
    h, w, ch = prelu.output.shape

    def build(sums: Kind) -> Struct:
        members = (
            pointer("before", Array("int16_t", prelu.before, "(ch)")),
            pointer("slope", Array("int16_t", prelu.slope, "(ch)")),
            pointer("after", Array("int16_t", prelu.after, "(ch)")),
            *scalars("int32_t", low=prelu.low, high=prelu.high),
            *scalars("uint32_t", pixels=h * w),
            *scalars("uint16_t", ch=ch),
            kind("in_kind", tensors[0].kind),
            kind("out_kind", prelu.output.kind),
            kind("sums_kind", sums),
        )
        return Struct("bnn_prelu_t", members)

    in_place = shrinks(tensors[0], prelu.output)
    reference = Kernel(function="bnn_prelu_ref", build=lambda: build(Kind.I32), in_place=in_place)
    if tensors[0].kind is prelu.output.kind is Kind.I16:
        return [carrying("bnn_prelu_i16", build, (Kind.I16, Kind.I32), in_place), reference]
    return [reference]
