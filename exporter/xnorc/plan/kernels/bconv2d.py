# SPDX-License-Identifier: Apache-2.0
"""Kernels of BConv2d."""

from __future__ import annotations

from typing import cast

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind, sign_words, thresholds, window
from xnorc.program import Node, Tensor
from xnorc.program.nodes.bconv2d import BConv2d


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The reference."""
    conv = cast(BConv2d, node)

    def packed() -> Struct:
        h, w, in_ch = tensors[0].shape
        out_h, out_w, out_ch = conv.output.shape
        members = (
            pointer("weights", Array("uint32_t", sign_words(conv.weights), "(out_ch, kh, kw, words)")),
            thresholds(conv.thresholds),
            window(conv.window),
            *scalars("uint16_t", h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch, groups=conv.groups),
            kind("out_kind", conv.output.kind),
        )
        return Struct("bnn_bconv2d_t", members)

    return [Kernel(function="bnn_bconv2d_ref", build=packed)]
