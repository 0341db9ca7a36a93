# SPDX-License-Identifier: Apache-2.0
"""Kernels of Compare."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Struct, pointer, scalars
from xnorc.plan.pack import flip_words, kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.compare import Compare


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference; writes over the values, never over the thresholds."""
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

    return [Kernel(function="bnn_compare_ref", build=build, in_place=shrinks(tensors[0], compare.output))]
