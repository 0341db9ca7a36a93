# SPDX-License-Identifier: Apache-2.0
"""Kernels of Affine."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import classes, kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.affine import Affine


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference, in 64 bits."""
    affine = cast(Affine, node)
    h, w, ch = affine.output.shape

    def build() -> Struct:
        members = (
            pointer("mul", Array("int32_t", affine.mul, "(row classes, col classes, ch)")),
            pointer("add", Array("int64_t", affine.add, "(row classes, col classes, ch)")),
            *classes(affine.rows, affine.cols),
            *scalars("int32_t", low=affine.low, high=affine.high),
            *scalars("uint16_t", n_cols=affine.mul.shape[1], h=h, w=w, ch=ch),
            *scalars("uint8_t", shift=affine.shift),
            kind("in_kind", tensors[0].kind),
            kind("out_kind", affine.output.kind),
        )
        return Struct("bnn_affine_t", members)

    return [Kernel(function="bnn_affine_ref", build=build, in_place=shrinks(tensors[0], affine.output))]
