# SPDX-License-Identifier: Apache-2.0
"""Bits by weights of two values per output channel."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.capture import Weights
from xnorc.lower.builder import Builder
from xnorc.lower.dots.float_noise import measured_noise
from xnorc.lower.dots.geometry import Geometry, arranged, output_channel
from xnorc.lower.dots.operand import Operand
from xnorc.lower.dots.rerun import rerun
from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.mix import Mix

UNIT_BITS = 30  # mixed sums use this many
MOST_SUMS = 2**22  # of all channels, that are held as a list: 32 MiB


def binary_dot(
    builder: Builder, node: fx.Node, x: Operand, w: np.ndarray, where: Geometry, offset: np.ndarray
) -> Source:
    """Weights +-a: one BConv2d, the sum is a * slope * dot + offset."""
    flat = w.reshape(len(w), -1)
    signs = arranged(np.where(w < 0, -1, 1).astype(np.int8), where)
    offset = _counted_pads(node, x, w, where, offset)
    taps = _taps(node, x, w, where)
    output = _emit(builder, node, signs, where, f"{layer_of(node)}_dot")
    scale = (np.abs(flat).max(axis=1) * _slope(x))[output_channel(node)]
    reach = np.full(len(taps), flat.shape[1])
    return Source(
        node=node,
        tensor=output,
        at=canonical(shape_of(node)),
        scale=scale,
        offset=offset,
        low=-reach,
        high=reach,
        noise=measured_noise(node, x, w, scale, offset),
        taps=taps,
    )


def two_valued_dot(
    builder: Builder, node: fx.Node, x: Operand, w: np.ndarray, kind: Weights, where: Geometry, offset: np.ndarray
) -> Source:
    """Weights m + a s with s = +-1: sum w q = a dot + m S, where S, the window's sum of q, serves all output channels.

    Two convolutions make dot and S, and a Mix adds them.  In units of a / 2^k,

        (a dot + m S) / (a / 2^k) = 2^k dot + (2^k m / a) S

    whose second factor is rounded to an integer.  k is as large as int32 allows: |dot| and |S| are at most n, so that
    the sum is at most n (1 + |m / a|) 2^k, which must stay within UNIT_BITS bits.  While mixing, in 64 bits, the
    factors have `more` further bits, which the shift takes off again: about log2(n) of them, so that rounding a factor,
    which costs |S| / 2 at most, costs no more than a unit.  A channel with a = 0 has no weight but 0: neither sum
    counts.

    The grid is fine, and the sums meet few of its points.  Which ones they are decides whether a sign of 0 is met.
    """
    signs = np.where(kind.sign.numpy() < 0, -1, 1).astype(np.int8)
    offset = _counted_pads(node, x, w, where, offset)
    n = w[0].size
    dot = _emit(builder, node, arranged(signs, where), where, f"{layer_of(node)}_dot")
    ones = np.ones((1, *arranged(signs, where).shape[1:]), np.int8)
    window_sum = _emit(builder, node, ones, where, f"{layer_of(node)}_window")
    a, m = kind.scale.numpy(), kind.mean.numpy()
    a = np.where(a > 0, a, 1.0)
    share = np.where(kind.scale.numpy() > 0, m / a, 0.0)
    bits = int(UNIT_BITS - np.ceil(np.log2(n * (1 + np.abs(share).max()))))  # 2^bits to a unit of dot, and
    more = UNIT_BITS - int(np.ceil(np.log2(1 + np.abs(share).max()))) - bits  # 2^more finer while mixing
    live = (kind.scale.numpy() > 0).astype(np.int64)
    output = builder.tensor(f"{layer_of(node)}_mix", dot.shape, Kind.I32)
    info = np.iinfo(np.int32)
    mix = Mix(
        name=layer_of(node),
        inputs=(dot.name, window_sum.name),
        output=output,
        mul_a=(live << (bits + more)).astype(np.int32),
        mul_b=np.rint(share * 2.0 ** (bits + more)).astype(np.int32),
        shift=more,
        low=int(info.min),
        high=int(info.max),
    )
    builder.emit(mix)
    scale = (a * _slope(x) / 2.0**bits)[output_channel(node)]
    reach = np.ceil(n * (1 + np.abs(share)) * 2.0**bits).astype(np.int64)[output_channel(node)] + n
    noise = measured_noise(node, x, w, scale, offset)
    return Source(
        node=node,
        tensor=output,
        at=canonical(shape_of(node)),
        scale=scale,
        offset=offset,
        low=-reach,
        high=reach,
        noise=noise,
        occurring=_mixed_sums(mix, signs.reshape(len(signs), -1), all_read=bool((_taps(node, x, w, where) == n).all())),
    )


def _mixed_sums(mix: Mix, signs: np.ndarray, all_read: bool) -> np.ndarray | None:
    """int64 (count, channels), rising: every mixed sum that occurs; None where they are more than MOST_SUMS.

    Of p weights m + a the bits sum to u, of the others to v: dot = u - v and S = u + v, with |u| <= p, of the parity
    of p, and v likewise.  Where a window may leave out pads (not `all_read`), u and v are of either parity.
    """
    plus = (signs > 0).sum(axis=1)
    step = 2 if all_read else 1
    ends = [(int(p), int(signs.shape[1] - p)) for p in plus]
    most = max((2 * p // step + 1) * (2 * rest // step + 1) for p, rest in ends)
    if most * len(ends) > MOST_SUMS:
        return None
    columns = []
    for channel, (p, rest) in enumerate(ends):
        u, v = np.arange(-p, p + 1, step)[:, None], np.arange(-rest, rest + 1, step)
        wide = (u - v) * int(mix.mul_a[channel]) + (u + v) * int(mix.mul_b[channel]) + mix.round
        columns.append(np.unique(np.clip(wide >> mix.shift, mix.low, mix.high)))
    rows = max(map(len, columns))
    return np.stack([np.pad(c, (0, rows - len(c)), mode="edge") for c in columns], axis=1)


def _emit(builder: Builder, node: fx.Node, signs: np.ndarray, where: Geometry, wanted: str) -> Tensor:
    out_ch, *inputs = signs.shape
    h, w, _ = program_shape(shape_of(node))
    kind = Kind.I16 if int(np.prod(inputs)) < 2**15 else Kind.I32
    output = builder.tensor(wanted, (h, w, out_ch), kind)
    return builder.emit(
        BConv2d(
            name=layer_of(node),
            inputs=(where.tensor.name,),
            output=output,
            weights=signs,
            window=where.window,
            groups=where.groups,
        )
    )


def _slope(x: Operand) -> float:
    return float(x.slope[x.at >= 0][0])


def _counted_pads(node: fx.Node, x: Operand, w: np.ndarray, where: Geometry, offset: np.ndarray) -> np.ndarray:
    """Pads that the window itself reads are part of the dot: their offset is that of any element."""
    if not where.constant_pads:
        return offset
    inside = x.at >= 0
    return rerun(node, np.where(inside, x.offset, x.offset[inside][0]), w, bias=True).reshape(-1)


def _taps(node: fx.Node, x: Operand, w: np.ndarray, where: Geometry) -> np.ndarray:
    """Valid products at each output element."""
    inside = np.ones(len(x.at)) if where.constant_pads else (x.at >= 0).astype(np.float64)
    return np.rint(rerun(node, inside, np.ones_like(w), bias=False)).reshape(-1).astype(np.int64)
