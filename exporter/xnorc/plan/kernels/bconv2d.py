# SPDX-License-Identifier: Apache-2.0
"""Kernels of BConv2d: lookup tables for maps, words for linear layers and groups, the reference for the rest."""

from __future__ import annotations

from functools import partial
from typing import cast

from xnorc.plan import lookup
from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind, sign_words, thresholds, window
from xnorc.program import Node, Tensor, words
from xnorc.program.nodes.bconv2d import BConv2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """By estimated instructions, the reference last."""
    conv = cast(BConv2d, node)
    packed = partial(build, conv, tensors[0])
    ranked = [(shape.instructions, _lookup(conv, tensors[0], shape)) for shape in _shapes(conv, tensors[0])]
    per_group = tensors[0].shape[2] // conv.groups
    if conv.groups == 1 or per_group % 32 == 0:
        taps = conv.window.kh * conv.window.kw
        fan_in = taps * words(per_group)
        scratch = 4 * fan_in
        pixels, out_ch = conv.output.shape[0] * conv.output.shape[1], conv.output.shape[2]
        cost = pixels * (out_ch * (fan_in * (13 if fan_in >= 8 else 17) + 60) + conv.groups * (taps * 40 + fan_in * 6))
        kernel = Kernel(function="bnn_bconv2d_words", build=packed, scratch=scratch, takes_scratch=True)
        ranked.append((cost, kernel))
    ranked.sort(key=lambda pair: pair[0])
    return [*(kernel for _, kernel in ranked), Kernel(function="bnn_bconv2d_ref", build=packed)]


def _shapes(conv: BConv2d, source: Tensor) -> list[lookup.Shape]:
    return lookup.shapes(conv, source) if lookup.takes(conv) else []


def _lookup(conv: BConv2d, source: Tensor, shape: lookup.Shape) -> Kernel:
    return Kernel(
        function="bnn_bconv2d_lookup",
        build=partial(lookup.build, conv, source, shape),
        scratch=shape.scratch,
        takes_scratch=True,
        note=f"strip={shape.strip},chunk={shape.chunk}",
    )


def build(conv: BConv2d, source: Tensor) -> Struct:
    """bnn_bconv2d_t."""
    h, w, in_ch = source.shape
    out_h, out_w, out_ch = conv.output.shape
    members = (
        pointer("weights", Array("uint32_t", sign_words(conv.weights), "(out_ch, kh, kw, words)")),
        thresholds(conv.thresholds),
        window(conv.window),
        *scalars("uint16_t", h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch, groups=conv.groups),
        kind("out_kind", conv.output.kind),
    )
    return Struct("bnn_bconv2d_t", members)
