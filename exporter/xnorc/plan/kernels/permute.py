# SPDX-License-Identifier: Apache-2.0
"""Kernels of Permute."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.permute import Permute


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    permute = cast(Permute, node)
    h, w, ch = permute.output.shape

    def build() -> Struct:
        steps = {name: getattr(permute, name) for name in ("start", "step_y", "step_x", "step_c")}
        members = (
            *scalars("uint32_t", **steps),
            *scalars("uint16_t", h=h, w=w, ch=ch, ch_in=tensors[0].shape[2]),
            kind("kind", permute.output.kind),
        )
        return Struct("bnn_permute_t", members)

    return [Kernel(function="bnn_permute_ref", build=build)]
