# SPDX-License-Identifier: Apache-2.0
"""Kernels of Compare."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Struct, pointer, scalars
from xnorc.plan.pack import flip_words, kind
from xnorc.program import Kind, Node, Tensor, words
from xnorc.program.nodes.compare import Compare


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """By 32 channels where the values are i16 or i32, and the reference; they write over the values."""
    compare = cast(Compare, node)
    h, w, ch = compare.output.shape

    def build() -> Struct:
        members = (
            pointer("flip", flip_words(compare.flip)),
            *scalars("uint32_t", pixels=h * w),
            *scalars("uint16_t", ch=ch),
            kind("in_kind", tensors[0].kind),
            kind("thr_kind", tensors[1].kind),
        )
        return Struct("bnn_compare_t", members)

    values, thresholds = (tensor.kind for tensor in tensors)
    in_place = shrinks(tensors[0], compare.output)
    offers = [Kernel(function="bnn_compare_ref", build=build, in_place=in_place)]
    if values is Kind.I16:
        scratch = 4 * words(ch) + 2 * ch
        fast = Kernel(function="bnn_compare_i16", build=build, in_place=in_place, scratch=scratch, takes_scratch=True)
        return [fast, *offers]
    if values is thresholds is Kind.I32:
        return [Kernel(function="bnn_compare_i32", build=build, in_place=in_place), *offers]
    return offers
