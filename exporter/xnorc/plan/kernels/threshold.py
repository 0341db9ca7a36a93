# SPDX-License-Identifier: Apache-2.0
"""Kernels of Threshold."""

from __future__ import annotations

from typing import cast

import numpy as np

from xnorc.plan.kernel import Kernel, shrinks
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import flip_words, kind, thresholds
from xnorc.program import Kind, Node, Tensor, Thresholds
from xnorc.program.nodes.threshold import Threshold


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """By 32 channels where one row of thresholds serves the map and values are i16 or i32, and the reference."""
    threshold = cast(Threshold, node)
    h, w, ch = threshold.output.shape

    def build() -> Struct:
        members = (
            thresholds(threshold.thresholds),
            *scalars("uint16_t", h=h, w=w, ch=ch),
            kind("in_kind", tensors[0].kind),
        )
        return Struct("bnn_threshold_t", members)

    def narrow() -> Struct:
        thr, flip = narrowed(threshold.thresholds)
        members = (
            pointer("thr", Array("int16_t", thr, "(ch)")),
            pointer("flip", flip_words(flip)),
            *scalars("uint32_t", pixels=h * w),
            *scalars("uint16_t", ch=ch),
        )
        return Struct("bnn_threshold_i16_t", members)

    in_place = shrinks(tensors[0], threshold.output)
    reference = Kernel(function="bnn_threshold_ref", build=build, in_place=in_place)
    one_row = threshold.thresholds.thr.shape[:2] == (1, 1) and threshold.thresholds.thr2 is None
    fast = {Kind.I16: ("bnn_threshold_i16", narrow), Kind.I32: ("bnn_threshold_i32", build)}
    if not one_row or tensors[0].kind not in fast:
        return [reference]
    function, make = fast[tensors[0].kind]
    return [Kernel(function=function, build=make, in_place=in_place), reference]


def narrowed(value: Thresholds) -> tuple[np.ndarray, np.ndarray]:
    """One row of thresholds for int16 values: (int16 (ch,), flip (ch,)).

    What no int16 reaches is written as what every int16 reaches, with the flip turned.
    """
    thr, info = value.thr.reshape(-1), np.iinfo(np.int16)
    never = thr > info.max
    narrow = np.where(never, info.min, np.maximum(thr, info.min))
    return narrow.astype(np.int16), value.flip ^ never
