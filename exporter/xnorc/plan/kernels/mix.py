# SPDX-License-Identifier: Apache-2.0
"""Kernels of Mix."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.mix import Mix


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference, in 64 bits; writes over an input of its own shape whose elements are no narrower."""
    mix = cast(Mix, node)
    h, w, ch = mix.output.shape

    def build() -> Struct:
        members = (
            pointer("mul_a", Array("int32_t", mix.mul_a, "(ch)")),
            pointer("mul_b", Array("int32_t", mix.mul_b, "(ch)")),
            *scalars("uint32_t", pixels=h * w),
            *scalars("int32_t", low=mix.low, high=mix.high),
            *scalars("uint16_t", ch=ch, ch_b=tensors[1].shape[2]),
            *scalars("uint8_t", shift=mix.shift),
            kind("a_kind", tensors[0].kind),
            kind("b_kind", tensors[1].kind),
            kind("out_kind", mix.output.kind),
        )
        return Struct("bnn_mix_t", members)

    in_place = tuple(i for i, t in enumerate(tensors) if t.shape == mix.output.shape and shrinks(t, mix.output))
    return [Kernel(function="bnn_mix_ref", build=build, in_place=in_place)]
