# SPDX-License-Identifier: Apache-2.0
"""Kernels of Add."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, carrying, shrinks
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.add import Add


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """A plain loop for i16 streams of one scale, and the reference.

    They write over either input whose elements are no narrower than their own.
    """
    add = cast(Add, node)

    def build() -> Struct:
        members = (
            *scalars("uint32_t", size=add.output.size),
            *scalars("int16_t", mul_a=add.mul_a, mul_b=add.mul_b),
            *scalars("int32_t", low=add.low, high=add.high),
            *scalars("uint8_t", shift=add.shift),
            kind("a_kind", tensors[0].kind),
            kind("b_kind", tensors[1].kind),
            kind("out_kind", add.output.kind),
        )
        return Struct("bnn_add_t", members)

    def plain(_: Kind) -> Struct:
        h, w, ch = add.output.shape
        members = (
            *scalars("int32_t", low=add.low, high=add.high),
            *scalars("uint32_t", pixels=h * w),
            *scalars("uint16_t", ch=ch),
        )
        return Struct("bnn_add_i16_t", members)

    in_place = tuple(i for i, tensor in enumerate(tensors) if shrinks(tensor, add.output))
    reference = Kernel(function="bnn_add_ref", build=build, in_place=in_place)
    kinds = {add.output.kind, *(tensor.kind for tensor in tensors)}
    if kinds == {Kind.I16} and (add.mul_a, add.mul_b, add.shift) == (1, 1, 0):
        return [carrying("bnn_add_i16", plain, (Kind.I32,), in_place), reference]
    return [reference]
