# SPDX-License-Identifier: Apache-2.0
"""A real-valued node as an int16 stream (or int8, for convolutions whose int32 sums int16 inputs could overflow)."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.errors import LowerError
from xnorc.lower.chain.block_kinds import AffineBlock, Block, ClampBlock, PReluBlock, TableBlock
from xnorc.lower.chain.blocks import blocks
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import is_cat, shape_of
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.clamp import take_clamp
from xnorc.lower.streams.pending import Pending, flush, limit, pending
from xnorc.lower.streams.prelu import take_prelu, take_shifted_prelu
from xnorc.lower.streams.table import take_table
from xnorc.program import Kind


def lower_stream(lowering: Lowering, node: fx.Node, unit: float, kind: Kind) -> Source:
    """Emit what turns the integers that a node comes from into round(node / unit); see `Lowering.stream`."""
    graph, builder = lowering.graph, lowering.builder
    origins = graph.origins[node]
    source = lowering.source(origins[0] if len(origins) == 1 else _concatenation(graph, node))
    elements = np.arange(int(np.prod(shape_of(node))))
    chain = Chain(graph, node, elements, [source.node])
    inside = chain.entry >= 0
    if not inside.all() and _constants(chain, inside).any():
        raise graph.refuse(node, "a real-valued map padded with something else than 0", "zero padding")
    used = Chain(graph, node, elements[inside], [source.node])
    parts = blocks(graph, used, source)
    if isinstance(parts, LowerError):
        raise parts
    so_far = pending(source, used.entry_at)
    if (so_far.place < 0).any():
        raise graph.refuse(node, "padded channels under something else than a sum or a convolution", "pad last")
    if not take_shifted_prelu(builder, so_far, parts, unit, kind):
        for block in parts:
            _take(lowering, so_far, block, unit if block is parts[-1] else None, kind)
    if so_far.tensor.kind is not kind or (so_far.slope != unit).any() or so_far.offset.any():
        flush(lowering, node, so_far, unit, kind, (-limit(kind), limit(kind)))
    at = np.full(len(elements), -1, np.int64)
    at[inside] = so_far.place
    full = np.full(len(elements), limit(kind))
    return Source(
        node=node,
        tensor=so_far.tensor,
        at=at,
        scale=np.full(len(elements), unit),
        offset=np.zeros(len(elements)),
        low=-full,
        high=full,
        noise=np.zeros(len(elements)),
        exact=False,
    )


def open_stream(lowering: Lowering, node: fx.Node) -> Source:
    """The integers that a real node is an affine function of, through whatever clips, PReLUs and tables come before:
    a stream that leaves its last affine step to the reader.

    Args:
        node: of one origin, without padded elements.
    """
    graph = lowering.graph
    origins = graph.origins[node]
    source = lowering.source(origins[0])
    elements = np.arange(int(np.prod(shape_of(node))))
    chain = Chain(graph, node, elements, [source.node])
    if len(origins) != 1 or (chain.entry < 0).any() or (source.at[chain.entry_at] < 0).any():
        raise graph.refuse(node, "elements of several origins, or constants, among the thresholds", "one origin")
    parts = blocks(graph, chain, source)
    if isinstance(parts, LowerError):
        raise parts
    so_far = pending(source, chain.entry_at)
    for block in parts:
        _take(lowering, so_far, block, None, Kind.I16)
    full = np.full(len(elements), so_far.reach)
    return Source(
        node=node,
        tensor=so_far.tensor,
        at=so_far.place,
        scale=so_far.slope,
        offset=so_far.offset,
        low=-full,
        high=full,
        noise=np.zeros(len(elements)),
        exact=False,
    )


def _take(lowering: Lowering, so_far: Pending, block: Block, unit: float | None, kind: Kind) -> None:
    """Let the tensor so far go through one block; `unit` is given where the block is the last."""
    match block:
        case AffineBlock():
            so_far.offset = so_far.offset * block.slope + block.offset
            so_far.slope = so_far.slope * block.slope
        case ClampBlock():
            take_clamp(lowering, so_far, block, unit, kind)
        case TableBlock():
            take_table(lowering, so_far, block)
        case PReluBlock():
            take_prelu(lowering, so_far, block, unit, kind)


def _constants(chain: Chain, inside: np.ndarray) -> np.ndarray:
    """Values of the elements that come from no entry."""
    sites = np.flatnonzero(~inside)
    outside = chain.at_sites(sites)
    return outside(torch.zeros(1, len(sites), dtype=chain.end.meta["val"].dtype)).numpy()


def _concatenation(graph: Graph, node: fx.Node) -> fx.Node:
    """The nearest concatenation behind a node of several origins."""
    chain = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), list(graph.origins[node]))
    return next(n for n in chain.path if is_cat(n))
