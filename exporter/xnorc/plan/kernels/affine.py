# SPDX-License-Identifier: Apache-2.0
"""Kernels of Affine."""

from __future__ import annotations

from typing import cast

import numpy as np

from xnorc.plan.kernel import Kernel, carrying, shrinks
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import classes, kind, tables
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.affine import Affine


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The fast ones from i16 and i32 to i16 with one class of rows and columns, and the reference, in 64 bits."""
    affine = cast(Affine, node)
    h, w, ch = affine.output.shape
    mul, add, step = tables(affine.mul, affine.add)

    def build() -> Struct:
        members = (
            pointer("mul", Array("int32_t", mul, "(row classes, col classes, ch)")),
            pointer("add", Array("int64_t", add, "(row classes, col classes, ch)")),
            *classes(affine.rows, affine.cols),
            *scalars("int32_t", low=affine.low, high=affine.high),
            *scalars("uint16_t", n_cols=affine.mul.shape[1], h=h, w=w, ch=ch),
            *scalars("uint8_t", shift=affine.shift, step=step),
            kind("in_kind", tensors[0].kind),
            kind("out_kind", affine.output.kind),
        )
        return Struct("bnn_affine_t", members)

    def flat(sums: Kind) -> Struct:
        members = (
            pointer("mul", Array("int32_t", mul, "(ch)")),
            pointer("add", Array("int64_t", add, "(ch)")),
            *scalars("int32_t", low=affine.low, high=affine.high),
            *scalars("uint32_t", pixels=h * w),
            *scalars("uint16_t", ch=ch),
            *scalars("uint8_t", shift=affine.shift, step=step),
            kind("sums_kind", sums),
        )
        return Struct("bnn_affine_flat_t", members)

    in_place = shrinks(tensors[0], affine.output)
    reference = Kernel(function="bnn_affine_ref", build=build, in_place=in_place)
    if affine.mul.shape[:2] != (1, 1) or affine.output.kind is not Kind.I16:
        return [reference]
    if tensors[0].kind is Kind.I16 and fits_48_bits(affine):
        return [carrying("bnn_affine_i16", flat, (Kind.I16, Kind.I32), in_place), reference]
    if tensors[0].kind is Kind.I32 and affine.shift >= 32:
        return [carrying("bnn_affine_i32", flat, (Kind.I32,), in_place), reference]
    return [reference]


def fits_48_bits(affine: Affine) -> bool:
    """Whether v * mul + add stays below 2^47 for every int16 v, add alone below 2^46, and 16 bits are shifted out."""
    mul, add = (int(np.abs(x.astype(object)).max()) for x in (affine.mul, affine.add))
    return 16 <= affine.shift <= 47 and 2**15 * mul + add < 2**47 and add < 2**46
