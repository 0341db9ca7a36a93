# SPDX-License-Identifier: Apache-2.0
"""A max pool between a sum and its bit.

With H the chain ahead of the pool and T the chain behind it, the bit is T(max_i H(d_i)).

    T rising:   T(max_i v_i) = OR_i T(v_i)         T falling:   T(max_i v_i) = AND_i T(v_i)

whatever H is: the pool sinks below the threshold T(H(d)), and pools bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.capture import bounds
from xnorc.lower.bits.bit_pool import bit_pool
from xnorc.lower.bits.confirm import Part, confirm
from xnorc.lower.bits.threshold import Question, answer, emit_threshold
from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.codes import TIE
from xnorc.lower.chain.monotone import is_monotone
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.pool_window import pool_window, window_pairs
from xnorc.lower.graph.source import BitOfRow, Source, canonical, program_shape
from xnorc.lower.lowering import BitSource, Lowering
from xnorc.program import Window

FAR = 1e30  # where a bit is asked if nothing bounds what is pooled


def lower_pooled(lowering: Lowering, node: fx.Node, pool: fx.Node, bit_of_row: BitOfRow) -> BitSource | None:
    """The point behind one max pool on sums, as thresholds and a pool of bits; None where that is not legal."""
    graph, builder = lowering.graph, lowering.builder
    before = pool.args[0]
    assert isinstance(before, fx.Node)
    stops = graph.origins[before]
    if len(stops) != 1:
        return None
    source = lowering.source(stops[0])
    tail = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), [pool])
    head = Chain(graph, before, np.arange(int(np.prod(shape_of(before)))), [stops[0]])
    same_place = np.array_equal(source.at[head.entry_at], canonical(shape_of(before)))
    if (
        not same_place
        or program_shape(shape_of(before)) != source.tensor.shape
        or (tail.entry < 0).any()
        or not is_monotone(tail)
    ):
        return None
    window = pool_window(pool)
    flip = _falling(graph, node, tail, bit_of_row, pool, source.tensor.shape[2])
    if flip is None:
        return None
    found = answer(graph, _question(graph, node, pool, source, window, head, tail, bit_of_row))
    if found is None:
        return None
    bits = emit_threshold(builder, layer_of(source.node), source.tensor, found.thresholds)
    builder.tell(found.row, bits)
    pooled = bit_pool(builder, layer_of(pool), bits, window, flip)
    at = canonical(shape_of(pool))[tail.entry_at]

    def bits_at(maps: list[np.ndarray]) -> np.ndarray:
        return pooled.run(maps[0][None])[0].reshape(-1)[at]

    confirm(graph, node, [Part(source, found.thresholds)], bit_of_row, bits_at)
    return BitSource(node, builder.emit(pooled), at, bit_of_row)


def _falling(
    graph: Graph,
    node: fx.Node,
    tail: Chain,
    bit_of_row: BitOfRow,
    pool: fx.Node,
    channels: int,
) -> np.ndarray | None:
    """bool (channels,): the tail's bit falls as its argument grows; None where places of one channel differ."""
    reader = Reader(graph, node, bit_of_row)
    within = bounds(graph.values[pool])  # behind a ReLU nothing is below 0, and no bit means what would be there
    ends = [min(max(end, -FAR), FAR) for end in (within.lo, within.hi)]
    probe = torch.tensor(ends, dtype=pool.meta["val"].dtype)[:, None].expand(2, len(tail.entry_at))
    codes = reader(tail(probe), np.arange(len(tail.entry_at)))
    low, high = np.where(codes == TIE, 1, codes)
    channel = np.unravel_index(tail.entry_at, shape_of(pool))[1]
    falls, rises = np.zeros(channels, bool), np.zeros(channels, bool)
    falls[channel[low > high]], rises[channel[low < high]] = True, True
    return None if (falls & rises).any() else falls


def _question(
    graph: Graph,
    node: fx.Node,
    pool: fx.Node,
    source: Source,
    window: Window,
    head: Chain,
    tail: Chain,
    bit_of_row: BitOfRow,
) -> Question:
    """One element for every (element of the point, element in its window)."""
    before = pool.args[0]
    assert isinstance(before, fx.Node)
    reader = Reader(graph, node, bit_of_row)
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
