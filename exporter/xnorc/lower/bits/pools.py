# SPDX-License-Identifier: Apache-2.0
"""Max pools between a sum and its bit, and on bits.

With H the chain ahead of the pool and T the chain behind it, the bit is T(max_i H(d_i)).

    T rising:   T(max_i v_i) = OR_i T(v_i)         T falling:   T(max_i v_i) = AND_i T(v_i)

whatever H is: the pool sinks below the threshold T(H(d)), and pools bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.errors import LowerError
from xnorc.lower.bits.confirm import Part, confirm
from xnorc.lower.bits.threshold import Question, answer, emit_threshold
from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.blocks import blocks
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.monotone import is_monotone
from xnorc.lower.graph.ops import argument, shape_of
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.lowering import Bits, Lowering
from xnorc.lower.routing import routed
from xnorc.lower.streams.affine import emit_affine
from xnorc.lower.streams.stream import stream
from xnorc.program import Kind, Tensor, Window
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d
from xnorc.program.nodes.maxpool2d import MaxPool2d


def pool_window(node: fx.Node) -> Window:
    """The window of a max_pool2d or avg_pool2d node; ceil mode as extra pads at the bottom and right."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    height, width = shape_of(source)[-2:]
    k = _pair(argument(node, "kernel_size"))
    s = _pair(argument(node, "stride") or k)
    p = _pair(argument(node, "padding"))
    has_dilation = "dilation" in str(node.target._schema)  # type: ignore[union-attr]
    d = _pair(argument(node, "dilation")) if has_dilation else (1, 1)
    out = shape_of(node)[-2:]
    bottom, right = (
        max(0, (o - 1) * st + (kk - 1) * dd + 1 - size - pp)
        for o, st, kk, dd, size, pp in zip(out, s, k, d, (height, width), p, strict=True)
    )
    return Window(
        kh=k[0],
        kw=k[1],
        stride_h=s[0],
        stride_w=s[1],
        dilation_h=d[0],
        dilation_w=d[1],
        pad_top=p[0],
        pad_left=p[1],
        pad_bottom=bottom,
        pad_right=right,
    )


def _pair(value: object) -> tuple[int, int]:
    both = [value, value] if isinstance(value, int) else list(value)  # type: ignore[call-overload]
    return int(both[0]), int(both[-1])


def emit_bit_pool(lowering: Lowering, layer: str, tensor: Tensor, window: Window, flip: np.ndarray) -> Tensor:
    """A BMaxPool2d node."""
    shape = (*window.out_hw(*tensor.shape[:2]), tensor.shape[2])
    output = lowering.tensor(f"{layer}_pool", shape, Kind.BIT)
    return lowering.emit(BMaxPool2d(name=layer, inputs=(tensor.name,), output=output, window=window, flip=flip))


def window_pairs(window: Window, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All (pooled element, element it pools) of a map (1, ch, h, w), as two flat index arrays."""
    _, ch, h, w = shape
    rows, cols = window.rows(h), window.cols(w)
    out_h, out_w = len(rows), len(cols)
    index = np.where(
        (rows >= 0)[:, None, :, None] & (cols >= 0)[None, :, None, :],
        rows[:, None, :, None] * w + cols[None, :, None, :],
        -1,
    )
    index = index.reshape(out_h * out_w, -1)
    out = np.repeat(np.arange(out_h * out_w)[:, None], index.shape[1], 1)[index >= 0]
    inside = index[index >= 0]
    channel = np.arange(ch)[:, None]
    return (channel * out_h * out_w + out).reshape(-1), (channel * h * w + inside).reshape(-1)


def lower_pooled(lowering: Lowering, node: fx.Node, pool: fx.Node, bit_of_row: tuple[int | None, ...]) -> Bits | None:
    """The point behind one max pool on sums, as thresholds and a pool of bits; None where that is not legal."""
    before = pool.args[0]
    assert isinstance(before, fx.Node)
    stops = lowering.known[before]
    if len(stops) != 1:
        return None
    source = lowering.source(stops[0])
    tail = Chain(lowering, node, np.arange(int(np.prod(shape_of(node)))), [pool])
    head = Chain(lowering, before, np.arange(int(np.prod(shape_of(before)))), [stops[0]])
    same_place = np.array_equal(source.at[head.entry_at], canonical(shape_of(before)))
    if (
        not same_place
        or program_shape(shape_of(before)) != source.tensor.shape
        or (tail.entry < 0).any()
        or not is_monotone(tail)
    ):
        return None
    window = pool_window(pool)
    flip = _falling(lowering, node, tail, bit_of_row, shape_of(pool), source.tensor.shape[2])
    thresholds = (
        answer(lowering, _question(lowering, node, pool, window, head, tail, bit_of_row)) if flip is not None else None
    )
    if thresholds is None or flip is None:
        return None
    layer = lowering.layer(stops[0])
    bits = emit_threshold(lowering, layer, source.tensor, thresholds)
    pooled = emit_bit_pool(lowering, lowering.layer(pool), bits, window, flip)
    at = canonical(shape_of(pool))[tail.entry_at]
    pool_bits = lowering.nodes[-1].run
    confirm(
        lowering, node, [Part(source, thresholds)], bit_of_row, lambda maps: pool_bits(maps[0][None])[0].reshape(-1)[at]
    )
    return Bits(node, pooled, at, bit_of_row)


def _falling(
    lowering: Lowering,
    node: fx.Node,
    tail: Chain,
    bit_of_row: tuple[int | None, ...],
    pooled: tuple[int, ...],
    channels: int,
) -> np.ndarray | None:
    """bool (channels,): the tail's bit falls as its argument grows; None where places of one channel differ."""
    reader = Reader(lowering, node, bit_of_row)
    dtype = tail.stops[0].meta["val"].dtype
    probe = torch.tensor([-1e30, 1e30], dtype=dtype)[:, None].expand(2, len(tail.entry_at))
    low, high = reader(tail(probe), np.arange(len(tail.entry_at)))
    channel = np.unravel_index(tail.entry_at, pooled)[1]
    falls, rises = np.zeros(channels, bool), np.zeros(channels, bool)
    falls[channel[low > high]], rises[channel[low < high]] = True, True
    return None if (falls & rises).any() else falls


def _question(
    lowering: Lowering,
    node: fx.Node,
    pool: fx.Node,
    window: Window,
    head: Chain,
    tail: Chain,
    bit_of_row: tuple[int | None, ...],
) -> Question:
    """One element for every (element of the point, element in its window)."""
    before = pool.args[0]
    assert isinstance(before, fx.Node)
    source = lowering.source(head.stops[0])
    reader = Reader(lowering, node, bit_of_row)
    out, inside = window_pairs(window, shape_of(before))
    end_of = np.full(int(np.prod(shape_of(pool))), -1, np.int64)
    end_of[tail.entry_at] = np.arange(len(tail.entry_at))
    used = end_of[out] >= 0
    ends, starts = end_of[out[used]], inside[used]
    tail_class, _ = tail.classes([np.zeros(int(np.prod(shape_of(pool))), np.int64)])
    head_class, _ = head.classes([source.classes()])
    both = tail_class[ends] * (int(head_class.max()) + 1) + head_class[starts]
    _, first, of_site = np.unique(both, return_index=True, return_inverse=True)
    small_tail, small_head = tail.at_sites(ends[first]), head.at_sites(starts[first])

    def codes(q: np.ndarray, shift: float) -> np.ndarray:
        return reader(small_tail(small_head(source.real(q, small_head.entry_at, shift))), ends[first])

    return Question(
        node=node,
        source=source,
        codes=codes,
        entry_at=small_head.entry_at,
        monotone=is_monotone(small_head),
        of_site=of_site.reshape(-1),
        place=source.at[head.entry_at[starts]],
    )


def lower_max_pool(lowering: Lowering, node: fx.Node) -> Source:
    """A max pool on integers: of the sums themselves where the way to the pool is affine, of a stream elsewhere.

    max(a q + b) is a max(q) + b for a > 0; channels with a < 0 are negated first.
    """
    before = node.args[0]
    assert isinstance(before, fx.Node)
    stops = lowering.known[before]
    shape = shape_of(before)
    made = _affine_pool(lowering, node, before, stops[0]) if len(stops) == 1 else None
    if made is not None:
        return made
    source = stream(lowering, before, lowering.scales.int16(before))
    tensor, _ = routed(lowering, node, source.tensor, source.at, program_shape(shape), nchw=True)
    pooled = _emit_max_pool(lowering, node, tensor)
    size = int(np.prod(shape_of(node)))
    return Source(
        node=node,
        tensor=pooled,
        at=canonical(shape_of(node)),
        scale=np.full(size, source.scale[0]),
        offset=np.zeros(size),
        low=np.full(size, source.low[0]),
        high=np.full(size, source.high[0]),
        noise=np.zeros(size),
        exact=source.exact,
    )


def _emit_max_pool(lowering: Lowering, node: fx.Node, tensor: Tensor) -> Tensor:
    window = pool_window(node)
    shape = (*window.out_hw(*tensor.shape[:2]), tensor.shape[2])
    output = lowering.tensor(f"{lowering.layer(node)}_pool", shape, tensor.kind, tensor.scale)
    return lowering.emit(MaxPool2d(name=lowering.layer(node), inputs=(tensor.name,), output=output, window=window))


def _affine_pool(lowering: Lowering, node: fx.Node, before: fx.Node, stop: fx.Node) -> Source | None:
    """Pool the integers of `stop`, if the chain to the pool is one affine function a channel."""
    source = lowering.source(stop)
    if source.tensor.kind is Kind.BIT:
        return None
    shape = shape_of(before)
    head = Chain(lowering, before, np.arange(int(np.prod(shape))), [stop])
    if (head.entry < 0).any() or not is_monotone(head):
        return None
    slope, offset = source.scale[head.entry_at], source.offset[head.entry_at]
    if before is not stop:
        try:
            found = blocks(lowering, head, stop)
        except LowerError:
            return None
        if any(b.kind != "affine" for b in found):
            return None
        for block in found:
            slope, offset = slope * block.slope, offset * block.slope + block.offset
    ch = shape[1]
    per_channel = slope.reshape(ch, -1), offset.reshape(ch, -1)
    if any(np.ptp(p, axis=1).any() for p in per_channel) or (per_channel[0] == 0).any():
        return None
    at = source.at[head.entry_at]
    tensor, _ = routed(lowering, node, source.tensor, at, program_shape(shape), nchw=True)
    sign = np.sign(per_channel[0][:, 0]).astype(np.int64)
    reach = int(max(np.abs(source.low).max(), np.abs(source.high).max()))
    if (sign < 0).any():
        h, w, _ = tensor.shape
        tiled = np.tile(sign, h * w).astype(np.float64)
        tensor = emit_affine(
            lowering,
            node,
            tensor,
            np.arange(tensor.size),
            tiled,
            np.zeros(tensor.size),
            tensor.kind,
            1.0,
            (-reach, reach),
            reach,
            f"{lowering.layer(node)}_turned",
        )
    pooled = _emit_max_pool(lowering, node, tensor)
    channel = np.repeat(np.arange(ch), int(np.prod(shape_of(node)[2:])))
    representative = np.arange(ch) * (head.entry_at.size // ch)
    low = np.where(sign > 0, source.low[head.entry_at[representative]], -source.high[head.entry_at[representative]])
    high = np.where(sign > 0, source.high[head.entry_at[representative]], -source.low[head.entry_at[representative]])
    small = head.at_sites(representative)

    def evaluate(q: np.ndarray, wanted: np.ndarray, shift: float) -> torch.Tensor:
        part = head.at_sites(representative[channel[wanted]])
        return part(source.real(q * sign[channel[wanted]], part.entry_at, shift))

    return Source(
        node=node,
        tensor=pooled,
        at=canonical(shape_of(node)),
        scale=np.abs(per_channel[0][:, 0])[channel],
        offset=per_channel[1][:, 0][channel],
        low=low[channel],
        high=high[channel],
        noise=source.noise[small.entry_at][channel],
        kind_of=channel,
        evaluate=evaluate,
        exact=source.exact,
    )
