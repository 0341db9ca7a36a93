# SPDX-License-Identifier: Apache-2.0
"""Kernels of Threshold."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Struct, scalars
from xnorc.plan.pack import kind, thresholds
from xnorc.program import Node, Tensor
from xnorc.program.nodes.threshold import Threshold


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    threshold = cast(Threshold, node)
    h, w, ch = threshold.output.shape

    def build() -> Struct:
        members = (
            thresholds(threshold.thresholds),
            *scalars("uint16_t", h=h, w=w, ch=ch),
            kind("in_kind", tensors[0].kind),
        )
        return Struct("bnn_threshold_t", members)

    return [Kernel(function="bnn_threshold_ref", build=build, in_place=shrinks(tensors[0], threshold.output))]
