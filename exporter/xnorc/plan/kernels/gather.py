# SPDX-License-Identifier: Apache-2.0
"""Kernels of Gather."""

from __future__ import annotations

from typing import cast

import numpy as np

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind
from xnorc.program import Node, Tensor
from xnorc.program.nodes.gather import Gather


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    gather = cast(Gather, node)
    h, w, ch = gather.output.shape

    def build() -> Struct:
        members = (
            pointer("source", Array("uint8_t", gather.source, "(ch)")),
            pointer("channel", Array("uint16_t", gather.channel, "(ch)")),
            pointer("w_in", Array("uint16_t", np.array([t.shape[1] for t in tensors]), "(inputs)")),
            pointer("ch_in", Array("uint16_t", np.array([t.shape[2] for t in tensors]), "(inputs)")),
            *scalars("uint16_t", h=h, w=w, ch=ch, step_h=gather.step_h, step_w=gather.step_w),
            *scalars("uint16_t", top=gather.top, left=gather.left),
            kind("kind", gather.output.kind),
        )
        return Struct("bnn_gather_t", members)

    return [Kernel(function="bnn_gather_ref", build=build, takes_array=True)]
