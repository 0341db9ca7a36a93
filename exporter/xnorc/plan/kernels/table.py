# SPDX-License-Identifier: Apache-2.0
"""Kernels of Table."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.program import Node, Tensor
from xnorc.program.nodes.table import Table


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference; writes over its input."""
    table = cast(Table, node)

    def build() -> Struct:
        values = pointer("values", Array("int16_t", table.values, "(257)"))
        return Struct("bnn_table_t", (values, *scalars("uint32_t", size=table.output.size)))

    return [Kernel(function="bnn_table_ref", build=build, in_place=(0,))]
