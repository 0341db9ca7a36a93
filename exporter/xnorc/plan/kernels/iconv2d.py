# SPDX-License-Identifier: Apache-2.0
"""Kernels of IConv2d."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind, sign_words, thresholds, window
from xnorc.program import Node, Tensor
from xnorc.program.nodes.iconv2d import IConv2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference, on int8 weights or on packed signs where all weights are +-1."""
    conv = cast(IConv2d, node)

    def build() -> Struct:
        h, w, in_ch = tensors[0].shape
        out_h, out_w, out_ch = conv.output.shape
        weights, signs = None, None
        if conv.is_binary:
            signs = Array("uint32_t", sign_words(conv.weights.reshape(out_ch, -1)), "(out_ch, words)")
        else:
            weights = Array("int8_t", conv.weights, "(out_ch, kh, kw, in_ch / groups)")
        members = (
            pointer("weights", weights, "int8_t"),
            pointer("signs", signs, "uint32_t"),
            thresholds(conv.thresholds),
            window(conv.window),
            *scalars("uint16_t", h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch, groups=conv.groups),
            kind("in_kind", tensors[0].kind),
            kind("out_kind", conv.output.kind),
        )
        return Struct("bnn_iconv2d_t", members)

    return [Kernel(function="bnn_iconv2d_ref", build=build)]
