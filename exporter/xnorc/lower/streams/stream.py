# SPDX-License-Identifier: Apache-2.0
"""A real-valued node as an int16 stream (or int8, for convolutions whose int32 sums int16 inputs could overflow)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.lower.builder import Builder
from xnorc.lower.chain.blocks import Block, blocks
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import is_cat, shape_of
from xnorc.lower.graph.scales import HEADROOM, LIMIT8, LIMIT16
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.affine import emit_affine
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.table import Table

Q12 = 4096  # PRelu slopes are in units of 1 / 4096
UNITY = 1e-5  # a slope of 1, asked in float32


@dataclass(eq=False)
class _Building:
    """The tensor so far and what its integers still have to go through: slope * q + offset, per element."""

    tensor: Tensor
    slope: np.ndarray
    offset: np.ndarray
    reach: int


def lower_stream(lowering: Lowering, node: fx.Node, unit: float, kind: Kind) -> Source:
    """Emit what turns the integers that a node comes from into round(node / unit); see `Lowering.stream`."""
    graph, builder = lowering.graph, lowering.builder
    stops = graph.origins[node]
    source = lowering.source(stops[0] if len(stops) == 1 else _concatenation(graph, node))
    stops = (source.node,)
    elements = np.arange(int(np.prod(shape_of(node))))
    chain = Chain(graph, node, elements, list(stops))
    inside = chain.entry >= 0
    if not inside.all() and _constants(chain, inside).any():
        raise graph.refuse(node, "a real-valued map padded with something else than 0", "zero padding")
    used = Chain(graph, node, elements[inside], list(stops))
    place = source.at[used.entry_at]
    building = _Building(source.tensor, source.scale[used.entry_at], source.offset[used.entry_at], _reach(source))
    parts = [] if node is stops[0] else blocks(graph, used, source)
    if (source.at[used.entry_at] < 0).any():
        raise graph.refuse(node, "padded channels under something else than a sum or a convolution", "pad last")
    if not _shifted_prelu(builder, building, parts, place, unit, kind):
        for block in parts:
            _take(lowering, building, block, place, unit if block is parts[-1] else None, kind)
    if building.tensor.kind is not kind or (building.slope != unit).any() or building.offset.any():
        _flush(lowering, node, building, place, unit, kind, (-_limit(kind), _limit(kind)))
    at = np.full(len(elements), -1, np.int64)
    at[inside] = place
    full = np.full(len(elements), _limit(kind))
    return Source(
        node=node,
        tensor=building.tensor,
        at=at,
        scale=np.full(len(elements), unit),
        offset=np.zeros(len(elements)),
        low=-full,
        high=full,
        noise=np.zeros(len(elements)),
        exact=False,
    )


def carried(lowering: Lowering, node: fx.Node) -> Source:
    """The integers that a real node is an affine function of, through whatever clips, PReLUs and tables come before:
    a stream that leaves its last affine step to the reader.

    Args:
        node: of one origin, without padded elements.
    """
    graph = lowering.graph
    stops = graph.origins[node]
    source = lowering.source(stops[0])
    elements = np.arange(int(np.prod(shape_of(node))))
    chain = Chain(graph, node, elements, [stops[0]])
    if len(stops) != 1 or (chain.entry < 0).any() or (source.at[chain.entry_at] < 0).any():
        raise graph.refuse(node, "elements of several origins, or constants, among the thresholds", "one origin")
    place, entry = source.at[chain.entry_at], chain.entry_at
    building = _Building(source.tensor, source.scale[entry], source.offset[entry], _reach(source))
    for block in [] if node is stops[0] else blocks(graph, chain, source):
        _take(lowering, building, block, place, None, Kind.I16)
    full = np.full(len(elements), building.reach)
    return Source(
        node=node,
        tensor=building.tensor,
        at=place,
        scale=building.slope,
        offset=building.offset,
        low=-full,
        high=full,
        noise=np.zeros(len(elements)),
        exact=False,
    )


def _reach(source: Source) -> int:
    return int(max(np.abs(source.low).max(), np.abs(source.high).max()))


def _constants(chain: Chain, inside: np.ndarray) -> np.ndarray:
    """Values of the elements that come from no entry."""
    import torch

    sites = np.flatnonzero(~inside)
    outside = chain.at_sites(sites)
    return outside(torch.zeros(1, len(sites), dtype=chain.end.meta["val"].dtype)).numpy()


def _flush(
    lowering: Lowering,
    node: fx.Node,
    building: _Building,
    place: np.ndarray,
    unit: float,
    kind: Kind,
    limits: tuple[int, int],
) -> None:
    """Make the pending affine a node."""
    building.tensor = emit_affine(
        lowering,
        node,
        building.tensor,
        place,
        building.slope,
        building.offset,
        kind,
        unit,
        limits,
        building.reach,
        f"{layer_of(node)}_stream",
    )
    building.slope, building.offset = np.full(len(place), unit), np.zeros(len(place))
    building.reach = max(abs(e) for e in limits)


def _take(
    lowering: Lowering, building: _Building, block: Block, place: np.ndarray, unit: float | None, kind: Kind
) -> None:
    """Let the tensor so far go through one block; `unit` is given where the block is the last."""
    if block.kind == "affine":
        building.offset = building.offset * block.slope + block.offset
        building.slope = building.slope * block.slope
        return
    if block.kind == "clamp":
        _clamp(lowering, building, block, place, unit, kind)
    elif block.kind == "table":
        _table(lowering, building, block, place)
    else:
        _prelu(lowering, building, block, place, unit, kind)


def _clamp(
    lowering: Lowering, building: _Building, block: Block, place: np.ndarray, unit: float | None, kind: Kind
) -> None:
    """A clip is tighter limits of an Affine; ahead of more operations it is held in int16 as fine as its values
    allow."""
    graph = lowering.graph
    kind = kind if unit is not None else Kind.I16
    limit = _limit(kind)
    fine = unit if unit is not None else _own_unit(graph, block.node)
    low = -limit if np.isinf(block.low) else max(-limit, round(block.low / fine))
    high = limit if np.isinf(block.high) else min(limit, round(block.high / fine))
    _flush(lowering, block.node, building, place, fine, kind, (low, high))


def _table(lowering: Lowering, building: _Building, block: Block, place: np.ndarray) -> None:
    """Any function, by 257 values over the calibrated range; units are powers of two, so that layers share tables."""
    graph, builder = lowering.graph, lowering.builder
    assert block.function is not None
    unit = 2.0 ** np.ceil(np.log2(max(graph.scales.reach(block.start), 1e-6) * HEADROOM / LIMIT16))
    _flush(lowering, block.node, building, place, unit, Kind.I16, (-LIMIT16, LIMIT16))
    asked = unit * 256.0 * np.arange(-128, 129)
    real = block.function(asked)
    finite = np.isfinite(real)
    if not finite.any():
        raise graph.refuse(block.node, "a function without a finite value", "")
    real = np.interp(asked, asked[finite], real[finite])  # a root below 0: beyond what was calibrated
    fine = 2.0 ** np.ceil(np.log2(max(float(np.abs(real).max()), 1e-6) / LIMIT16))
    name = layer_of(block.node)
    output = builder.tensor(f"{name}_table", building.tensor.shape, Kind.I16, fine)
    values = np.rint(real / fine).astype(np.int16)
    building.tensor = builder.emit(Table(name=name, inputs=(building.tensor.name,), output=output, values=values))
    building.slope, building.reach = np.full(len(place), fine), int(np.abs(values.astype(int)).max())


def _prelu(
    lowering: Lowering, building: _Building, block: Block, place: np.ndarray, unit: float | None, kind: Kind
) -> None:
    """u >= 0 ? right u : left u, with u' = right u as an int16 stream: u' >= 0 ? u' : (left / right) u'."""
    graph, builder = lowering.graph, lowering.builder
    ch = building.tensor.shape[2]
    right, left = block.slope, block.negative
    if (right <= 0).any():
        raise graph.refuse(block.node, "a PReLU that does not rise above 0", "a slope above 0 for positive values")
    building.slope, building.offset = building.slope * right, building.offset * right
    before = block.start
    fine = max(_own_unit(graph, block.node), _own_unit(graph, before) * float(right.max()))
    if unit is not None and kind is Kind.I16 and unit >= fine:
        fine = unit
    _flush(lowering, block.node, building, place, fine, Kind.I16, (-LIMIT16, LIMIT16))
    ratio = np.rint(left / right * Q12)
    if np.abs(ratio).max() > LIMIT16:
        raise graph.refuse(block.node, f"a PReLU slope of {np.abs(left / right).max():.3g}", "slopes within -8..8")
    slope, zero = np.zeros(ch, np.int16), np.zeros(ch, np.int32)
    slope[place % ch] = ratio
    if (slope[place % ch] != ratio).any():
        raise graph.refuse(block.node, "PReLU slopes that differ over the map", "one slope a channel")
    name = layer_of(block.node)
    output = builder.tensor(f"{name}_prelu", building.tensor.shape, Kind.I16, fine)
    building.tensor = builder.emit(
        PRelu(
            name=name,
            inputs=(building.tensor.name,),
            output=output,
            before=zero,
            slope=slope,
            after=zero,
            low=-LIMIT16,
            high=LIMIT16,
        )
    )


def _shifted_prelu(
    builder: Builder, building: _Building, parts: list[Block], place: np.ndarray, unit: float, kind: Kind
) -> bool:
    """shift, PReLU, shift of a stream that keeps its scale is one PRelu node; True where this was that."""
    bent = [i for i, block in enumerate(parts) if block.kind == "prelu"]
    stays = building.tensor.kind is Kind.I16 and kind is Kind.I16 and (building.slope == unit).all()
    if len(bent) != 1 or not stays or building.offset.any():
        return False
    before, prelu, after = parts[: bent[0]], parts[bent[0]], parts[bent[0] + 1 :]
    shifts = [*before, *after]
    if (
        any(b.kind != "affine" or (np.abs(b.slope - 1) > UNITY).any() for b in shifts)
        or (np.abs(prelu.slope - 1) > UNITY).any()
    ):
        return False
    ch = building.tensor.shape[2]
    ahead, behind = (sum((b.offset for b in blocks), np.zeros(len(place))) / unit for blocks in (before, after))
    columns = [-np.rint(ahead), np.rint(prelu.negative * Q12), np.rint(behind)]
    if any(np.abs(c).max(initial=0) > LIMIT16 for c in columns):
        return False
    tables = [np.zeros(ch, np.int64) for _ in columns]
    for table, column in zip(tables, columns, strict=True):
        table[place % ch] = column
        if (table[place % ch] != column).any():
            return False
    name = layer_of(prelu.node)
    output = builder.tensor(f"{name}_prelu", building.tensor.shape, Kind.I16, unit)
    building.tensor = builder.emit(
        PRelu(
            name=name,
            inputs=(building.tensor.name,),
            output=output,
            before=tables[0].astype(np.int32),
            slope=tables[1].astype(np.int16),
            after=tables[2].astype(np.int32),
            low=-LIMIT16,
            high=LIMIT16,
        )
    )
    building.reach = LIMIT16
    return True


def _own_unit(graph: Graph, node: fx.Node) -> float:
    return (graph.scales.reach(node) or 1.0) * HEADROOM / LIMIT16


def _limit(kind: Kind) -> int:
    return LIMIT16 if kind is Kind.I16 else LIMIT8


def _concatenation(graph: Graph, node: fx.Node) -> fx.Node:
    """The nearest concatenation behind a node of several origins."""
    chain = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), list(graph.origins[node]))
    return next(n for n in chain.path if is_cat(n))
