# SPDX-License-Identifier: Apache-2.0
"""Kernels of IConv2d: weights unpacked into RAM for maps, where it suffices; channels side by side in depthwise ones;
sign tables where all weights are +-1; quads of output channels elsewhere."""

from __future__ import annotations

from typing import cast

import numpy as np

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import kind, requant, sign_words, thresholds, window
from xnorc.program import Kind, Node, Tensor, words
from xnorc.program.nodes.iconv2d import IConv2d

TAP = 8  # bytes of scratch for each tap of a window at the border
MAP = 8  # pixels from which on unpacking all weights is repaid
FAR = 2**30  # sums that bnn_iconv2d_stem holds stay below


def kernels(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """The fast one for the kind of weights, then the reference, which takes both."""
    conv = cast(IConv2d, node)
    out_ch = conv.output.shape[2]
    fan_in = int(np.prod(conv.weights.shape[1:]))
    wide = conv.weights.dtype == np.int16
    ctype = "int16_t" if wide else "int8_t"

    def signs() -> Struct:
        packed = Array("uint32_t", sign_words(conv.weights.reshape(out_ch, -1)), "(out_ch, words)")
        return build(conv, tensors[0], None, packed)

    def plain() -> Struct:
        return build(conv, tensors[0], Array(ctype, conv.weights, "(out_ch, kh, kw, in_ch / groups)"), None)

    def quads() -> Struct:
        packed = Array("int8_t", in_quads(conv.weights, conv.groups), "(groups, quads, pairs, 2, 2 inputs, 2 outputs)")
        return build(conv, tensors[0], packed, None)

    def stencil() -> Struct:
        order = "n outputs, n inputs" if wide else "n inputs, n outputs"
        packed = Array(ctype, side_by_side(conv.weights), f"(quads, kh, kw, 4 / n, {order})")
        return build(conv, tensors[0], packed, None)

    if conv.groups > 1 and tensors[0].shape[2] == out_ch and conv.weights.shape[3] <= 2:
        name = "bnn_iconv2d_depthwise" if conv.weights.shape[3] == 1 else "bnn_iconv2d_pairs"
        scratch = TAP * conv.window.kh * conv.window.kw
        fast = Kernel(function=name, build=stencil, scratch=scratch, takes_scratch=True)
        slow = Kernel(function="bnn_iconv2d_ref", build=signs if conv.is_binary else plain)
        return [fast, slow] if not wide or tensors[0].kind is Kind.I16 else [slow]
    if wide:
        return [Kernel(function="bnn_iconv2d_ref", build=plain)]
    packing = signs if conv.is_binary else plain
    reference = Kernel(function="bnn_iconv2d_ref", build=packing)
    if conv.is_binary:
        scratch = words(fan_in) * (128 * 4 + 32 * 2)
        small = Kernel(function="bnn_iconv2d_signs", build=signs, scratch=scratch, takes_scratch=True)
    else:
        small = Kernel(function="bnn_iconv2d_quads", build=quads, scratch=4 * ((fan_in + 1) // 2), takes_scratch=True)
    if not unpacks(conv, tensors[0]):
        return [small, reference]
    unpacked = Kernel(function="bnn_iconv2d_stem", build=packing, scratch=stem_scratch(conv), takes_scratch=True)
    is_map = conv.output.shape[0] * conv.output.shape[1] >= MAP
    return [unpacked, small, reference] if is_map else [small, unpacked, reference]


def unpacks(conv: IConv2d, source: Tensor) -> bool:
    """True where bnn_iconv2d_stem can run the node."""
    interval = conv.thresholds is not None and conv.thresholds.thr2 is not None
    return conv.groups == 1 and not interval and max(abs(b) for b in conv.sum_bounds(*source.kind.range)) < FAR


def stem_scratch(conv: IConv2d) -> int:
    """Bytes of RAM for bnn_iconv2d_stem: starts, a window and all weights, 4 each."""
    fan_in = int(np.prod(conv.weights.shape[1:]))
    inputs, lanes = max(4, fan_in + fan_in % 2), -(-conv.output.shape[2] // 4) * 4
    thr = None if conv.thresholds is None else conv.thresholds.thr
    classes = 1 if thr is None else thr.shape[0] * thr.shape[1]
    return 4 * (inputs + (inputs + classes) * lanes)


def side_by_side(weights: np.ndarray) -> np.ndarray:
    """int8 (ch, kh, kw, n) -> (quads, kh, kw, 4 / n, n inputs, n outputs), n 1 or 2: four channels, 0 for none; int16
    with the outputs ahead of the inputs."""
    n = weights.shape[3]
    padded = np.pad(weights, ((0, -len(weights) % 4), (0, 0), (0, 0), (0, 0)))
    by_group = padded.reshape(-1, 4 // n, n, *weights.shape[1:])  # quad, group, output, kh, kw, input
    order = (0, 3, 4, 1, 2, 5) if weights.dtype == np.int16 else (0, 3, 4, 1, 5, 2)
    return np.ascontiguousarray(by_group.transpose(order))


def in_quads(weights: np.ndarray, groups: int) -> np.ndarray:
    """int8 (out_ch, kh, kw, ch) -> (groups, quads, pairs, 2, 2 inputs, 2 outputs): four output channels and two inputs
    side by side, 0 for none."""
    by_group = weights.reshape(groups, len(weights) // groups, -1)
    padded = np.pad(by_group, ((0, 0), (0, -by_group.shape[1] % 4), (0, by_group.shape[2] % 2)))
    split = padded.reshape(groups, padded.shape[1] // 4, 2, 2, -1, 2)  # group, quad, half, output, pair, input
    return np.ascontiguousarray(split.transpose(0, 1, 4, 2, 5, 3))


def build(conv: IConv2d, source: Tensor, weights: Array | None, signs: Array | None) -> Struct:
    """bnn_iconv2d_t."""
    h, w, in_ch = source.shape
    out_h, out_w, out_ch = conv.output.shape
    wide = weights is not None and weights.ctype == "int16_t"
    members = (
        pointer("weights", None if wide else weights, "int8_t"),
        pointer("wide", weights if wide else None, "int16_t"),
        pointer("signs", signs, "uint32_t"),
        thresholds(conv.thresholds),
        requant(conv.requant),
        window(conv.window),
        *scalars("uint16_t", h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch, groups=conv.groups),
        kind("in_kind", source.kind),
        kind("out_kind", conv.output.kind),
    )
    return Struct("bnn_iconv2d_t", members)
