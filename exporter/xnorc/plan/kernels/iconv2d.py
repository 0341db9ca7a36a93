# SPDX-License-Identifier: Apache-2.0
"""Kernels of IConv2d: sign tables where all weights are +-1, quads of output channels where they are int8."""

from __future__ import annotations

from typing import cast

import numpy as np

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind, sign_words, thresholds, window
from xnorc.program import Node, Tensor, words
from xnorc.program.nodes.iconv2d import IConv2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The fast one for the kind of weights, then the reference, which takes both."""
    conv = cast(IConv2d, node)
    out_ch = conv.output.shape[2]
    fan_in = int(np.prod(conv.weights.shape[1:]))

    def signs() -> Struct:
        packed = Array("uint32_t", sign_words(conv.weights.reshape(out_ch, -1)), "(out_ch, words)")
        return build(conv, tensors[0], None, packed)

    def plain() -> Struct:
        return build(conv, tensors[0], Array("int8_t", conv.weights, "(out_ch, kh, kw, in_ch / groups)"), None)

    def quads() -> Struct:
        packed = Array("int8_t", in_quads(conv.weights, conv.groups), "(groups, quads, kh, kw, in_ch / groups, 4)")
        return build(conv, tensors[0], packed, None)

    if conv.is_binary:
        scratch = words(fan_in) * (128 * 4 + 32 * 2)
        fast = Kernel(function="bnn_iconv2d_signs", build=signs, scratch=scratch, takes_scratch=True)
        return [fast, Kernel(function="bnn_iconv2d_ref", build=signs)]
    fast = Kernel(function="bnn_iconv2d_quads", build=quads, scratch=2 * fan_in, takes_scratch=True)
    return [fast, Kernel(function="bnn_iconv2d_ref", build=plain)]


def in_quads(weights: np.ndarray, groups: int) -> np.ndarray:
    """int8 (out_ch, kh, kw, ch) -> (groups, quads, kh, kw, ch, 4): four output channels side by side, 0 for none."""
    by_group = weights.reshape(groups, -1, *weights.shape[1:])
    unused = -by_group.shape[1] % 4
    padded = np.pad(by_group, ((0, 0), (0, unused), (0, 0), (0, 0), (0, 0)))
    return np.moveaxis(padded.reshape(groups, -1, 4, *weights.shape[1:]), 2, -1)


def build(conv: IConv2d, source: Tensor, weights: Array | None, signs: Array | None) -> Struct:
    """bnn_iconv2d_t."""
    h, w, in_ch = source.shape
    out_h, out_w, out_ch = conv.output.shape
    members = (
        pointer("weights", weights, "int8_t"),
        pointer("signs", signs, "uint32_t"),
        thresholds(conv.thresholds),
        window(conv.window),
        *scalars("uint16_t", h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch, groups=conv.groups),
        kind("in_kind", source.kind),
        kind("out_kind", conv.output.kind),
    )
    return Struct("bnn_iconv2d_t", members)
