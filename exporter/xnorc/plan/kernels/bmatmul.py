# SPDX-License-Identifier: Apache-2.0
"""Kernels of BMatMul."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.bmatmul import BMatMul

PLACES = ("a_start", "a_group", "a_row", "a_depth", "b_start", "b_group", "b_col", "b_depth")


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    product = cast(BMatMul, node)
    a, b = tensors

    def build() -> Struct:
        members = (
            *scalars("uint32_t", **{name: getattr(product, name) for name in PLACES}),
            *scalars("uint16_t", groups=product.groups, rows=product.rows, cols=product.cols, depth=product.depth),
            *scalars("uint16_t", a_ch=a.shape[2], b_ch=b.shape[2]),
            *scalars("int8_t", a_low=product.a_low, b_low=product.b_low),
            kind("out_kind", product.output.kind),
        )
        return Struct("bnn_bmatmul_t", members)

    return [Kernel(function="bnn_bmatmul_ref", build=build)]
