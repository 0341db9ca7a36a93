# SPDX-License-Identifier: Apache-2.0
"""Which way a binarize point is lowered: a threshold, a threshold ahead of a pool, a pool of bits, a concatenation
of bits, a threshold computed from the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.bits.bit_pool import bit_pool
from xnorc.lower.bits.dynamic import lower_dynamic
from xnorc.lower.bits.pooled_threshold import lower_pooled
from xnorc.lower.bits.threshold import emit_threshold, lower_threshold
from xnorc.lower.chain.comparison import dynamic_comparison
from xnorc.lower.dots.operand import Operand, as_integers, operand
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import MAX_POOL, is_call, is_cat, shape_of
from xnorc.lower.graph.pool_window import pool_window
from xnorc.lower.graph.positions import FILL, joined_from
from xnorc.lower.graph.source import BitOfRow, canonical, program_shape
from xnorc.lower.lowering import BitSource, Lowering, Memo
from xnorc.lower.routing import assembled, routed
from xnorc.program import Tensor, Thresholds


def lower_binarize_point(lowering: Lowering, node: fx.Node, bit_of_row: BitOfRow) -> BitSource:
    """Emit whatever makes the bits of a point."""
    if is_call(node, MAX_POOL):
        return _pool_of_bits(lowering, node, bit_of_row)
    if is_cat(node):
        return _cat_of_bits(lowering, node, bit_of_row)
    made = _compared(lowering, node, bit_of_row)
    graph, memo = lowering.graph, lowering.memo
    rounded = any(_rounded(graph, memo, stop) for stop in graph.behind(node))
    return replace(made, exact=made.exact and not rounded)


def _rounded(graph: Graph, memo: Memo, origin: fx.Node) -> bool:
    """The integers of an origin are not exactly the network's; of those behind it where it has none of its own (a pool
    that sank below its threshold, bits whose sums are compared in their place)."""
    source = memo.sources.get(origin)
    if source is not None:
        return not source.exact
    return any(_rounded(graph, memo, behind) for behind in graph.behind(origin))


def _compared(lowering: Lowering, node: fx.Node, bit_of_row: BitOfRow) -> BitSource:
    """A point that compares integers with thresholds."""
    graph = lowering.graph
    stops = graph.behind(node)
    if len(stops) == 1 and is_call(stops[0], MAX_POOL):
        made = lower_pooled(lowering, node, stops[0], bit_of_row)
        if made is not None:
            return made
    dynamic = dynamic_comparison(graph, node, stops)
    if dynamic is not None:
        return lower_dynamic(lowering, node, dynamic, bit_of_row)
    stops = _behind_points(graph, stops)
    parts = lower_threshold(lowering, node, stops, bit_of_row)
    if len(parts) == 1:
        return BitSource(node, parts[0][0], parts[0][2], bit_of_row)
    elements = int(np.prod(shape_of(node)))
    which, at = np.zeros(elements, np.int64), np.zeros(elements, np.int64)
    for index, (_, mine, place) in enumerate(parts):
        which[mine], at[mine] = index, place
    shape = shape_of(node)
    tensor, where = assembled(
        lowering, node, [part[0] for part in parts], which, at, program_shape(shape), nchw=len(shape) == 4
    )
    return BitSource(node, tensor, where, bit_of_row)


def _behind_points(graph: Graph, stops: tuple[fx.Node, ...]) -> tuple[fx.Node, ...]:
    """Two comparisons combined into one value: the sums that both compare, rather than their bits."""
    while any(stop in graph.points for stop in stops):
        found: list[fx.Node] = []
        for stop in stops:
            behind = graph.behind(stop)
            found.extend(behind if stop in graph.points else (stop,))
        stops = tuple(dict.fromkeys(found))
    return stops


def _pool_of_bits(lowering: Lowering, node: fx.Node, bit_of_row: BitOfRow) -> BitSource:
    """A max pool of two-valued elements: OR of "is the greater".

    Where a channel's scale is negative its bits say "is the lesser".  Their AND says that all of a window are, and the
    pooled bit, which is to say "is the greater", is its opposite.
    """
    graph, builder = lowering.graph, lowering.builder
    before = node.args[0]
    assert isinstance(before, fx.Node)
    x = operand(lowering, before)
    shape = shape_of(before)
    inside, at = (x.at >= 0).all(), x.at
    if not inside:
        raise graph.refuse(node, "a max pool over a padded binary map", "pad after the pool, or in the pool")
    tensor, _ = routed(lowering, node, x.tensor, at, program_shape(shape), nchw=True)
    slope = x.slope.reshape(shape[1], -1)
    flip = slope[:, 0] < 0
    if ((slope < 0) != flip[:, None]).any():
        raise graph.refuse(node, "the greater of two values changes sides within a channel", "one scale a channel")
    low, high = _values(graph, node, bit_of_row)
    if (high < low).any():
        raise graph.refuse(node, "a pooled bit means less than its opposite", "")
    pooled = builder.emit(bit_pool(builder, layer_of(node), tensor, pool_window(node), flip))
    if flip.any():
        pooled = _turned(lowering, replace(x, tensor=pooled), flip)
    return BitSource(node, pooled, canonical(shape_of(node)), bit_of_row)


def _turned(lowering: Lowering, bits: Operand, flip: np.ndarray) -> Tensor:
    """The bits with those of some channels, bool (ch,), turned round."""
    h, w, ch = bits.tensor.shape
    turn = Thresholds(
        thr=np.zeros((1, 1, ch), np.int32), flip=flip, rows=np.zeros(h, np.uint8), cols=np.zeros(w, np.uint8)
    )
    numbers = as_integers(lowering, bits).tensor
    return emit_threshold(lowering.builder, layer_of(bits.node), numbers, turn)


def _values(graph: Graph, node: fx.Node, bit_of_row: BitOfRow) -> tuple[np.ndarray, np.ndarray]:
    """(elements,) twice: what every element of a point is where its bit is 0, and where it is 1."""
    table = graph.values[node]
    assert isinstance(table, Finite)
    rows = (table.vals[bit_of_row.index(b)].double() for b in (0, 1))
    low, high = (row.expand(shape_of(node)).reshape(-1).numpy() for row in rows)
    return low, high


def _cat_of_bits(lowering: Lowering, node: fx.Node, bit_of_row: BitOfRow) -> BitSource:
    """Parts side by side; every part's greater value is bit 1, as in the whole."""
    graph = lowering.graph
    elements = int(np.prod(shape_of(node)))
    which, at = np.zeros(elements, np.int64), np.full(elements, FILL, np.int64)
    tensors: list[Tensor] = []
    low, high = _values(graph, node, bit_of_row)
    for part, moved in joined_from(node):
        x = operand(lowering, part)
        mine = moved != FILL
        values = (x.offset - x.slope)[moved[mine]], (x.offset + x.slope)[moved[mine]]
        if (values[0] != low[mine]).any() or (values[1] != high[mine]).any():
            raise graph.refuse(
                node, "the parts of a concatenation hold different values", "the same two values in each"
            )
        if x.tensor not in tensors:
            tensors.append(x.tensor)
        which[mine], at[mine] = tensors.index(x.tensor), x.at[moved[mine]]
    tensor, place = assembled(lowering, node, tensors, which, at, program_shape(shape_of(node)), nchw=True)
    return BitSource(node, tensor, place, bit_of_row)
