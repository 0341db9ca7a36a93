# SPDX-License-Identifier: Apache-2.0
"""A real-valued node as an int16 stream (or int8, for convolutions whose int32 sums int16 inputs could overflow)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.lower.affine import emit_affine
from xnorc.lower.blocks import Block, blocks
from xnorc.lower.chain import Chain
from xnorc.lower.ops import shape_of
from xnorc.lower.scales import LIMIT8, LIMIT16
from xnorc.lower.source import Source
from xnorc.lower.state import Lowering
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.prelu import PRelu

Q12 = 4096  # PRelu slopes are in units of 1 / 4096


@dataclass(eq=False)
class _Building:
    """The tensor so far and what its integers still have to go through: slope * q + offset, per element."""

    tensor: Tensor
    slope: np.ndarray
    offset: np.ndarray
    reach: int


def stream(lowering: Lowering, node: fx.Node, unit: float, kind: Kind = Kind.I16) -> Source:
    """Emit what turns the integers that a node comes from into round(node / unit), saturating.

    Args:
        node: a real node with one origin; elements that are a constant 0 (padded channels) get `at` -1.
        unit: the real value of one integer.
    """
    key = (node, unit, kind)
    if key not in lowering.streams:
        lowering.streams[key] = _stream(lowering, node, unit, kind)
    return lowering.streams[key]


def _stream(lowering: Lowering, node: fx.Node, unit: float, kind: Kind) -> Source:
    stops = lowering.known[node]
    if len(stops) != 1:
        return lowering.joined_parts(node, unit, kind)
    source = lowering.source(stops[0])
    elements = np.arange(int(np.prod(shape_of(node))))
    chain = Chain(lowering, node, elements, list(stops))
    inside = chain.entry >= 0
    if not inside.all() and _constants(chain, inside).any():
        raise lowering.refuse(node, "a real-valued map padded with something else than 0", "zero padding")
    used = Chain(lowering, node, elements[inside], list(stops))
    place = source.at[used.entry_at]
    building = _Building(source.tensor, source.scale[used.entry_at], source.offset[used.entry_at], _reach(source))
    parts = [] if node is stops[0] else blocks(lowering, used, stops[0])
    for block in parts:
        _take(lowering, building, block, place, unit, kind)
    if building.tensor.kind is not kind or (building.slope != unit).any() or building.offset.any():
        limit = LIMIT16 if kind is Kind.I16 else LIMIT8
        _flush(lowering, node, building, place, unit, kind, (-limit, limit))
    at = np.full(len(elements), -1, np.int64)
    at[inside] = place
    limit = LIMIT16 if kind is Kind.I16 else LIMIT8
    full = np.full(len(elements), limit)
    return Source(
        node=node, tensor=building.tensor, at=at, scale=np.full(len(elements), unit), offset=np.zeros(len(elements)),
        low=-full, high=full, noise=np.zeros(len(elements)), exact=False,
    )  # fmt: skip


def _reach(source: Source) -> int:
    return int(max(np.abs(source.low).max(), np.abs(source.high).max()))


def _constants(chain: Chain, inside: np.ndarray) -> np.ndarray:
    """Values of the elements that come from no entry."""
    import torch

    sites = np.flatnonzero(~inside)
    outside = chain.at_sites(sites)
    return outside(torch.zeros(1, len(sites), dtype=chain.end.meta["val"].dtype)).numpy()


def _flush(
    lowering: Lowering, node: fx.Node, building: _Building, place: np.ndarray, unit: float, kind: Kind, limits: tuple[int, int]
) -> None:
    """Make the pending affine a node."""
    building.tensor = emit_affine(
        lowering, node, building.tensor, place, building.slope, building.offset, kind, unit, limits, building.reach,
        f"{lowering.layer(node)}_stream",
    )  # fmt: skip
    building.slope, building.offset = np.full(len(place), unit), np.zeros(len(place))
    building.reach = max(abs(e) for e in limits)


def _take(lowering: Lowering, building: _Building, block: Block, place: np.ndarray, unit: float, kind: Kind) -> None:
    """Let the tensor so far go through one block."""
    if block.kind == "affine":
        building.offset = building.offset * block.slope + block.offset
        building.slope = building.slope * block.slope
        return
    # A clip or PReLU needs its argument as a stream: int16, fine enough for what it holds.
    limit = LIMIT16
    if block.kind == "clamp":
        low = -limit if np.isinf(block.low) else max(-limit, round(block.low / unit))
        high = limit if np.isinf(block.high) else min(limit, round(block.high / unit))
        if kind is Kind.I8:
            low, high = max(low, -LIMIT8), min(high, LIMIT8)
        _flush(lowering, block.node, building, place, unit, kind, (low, high))
        return
    ch = building.tensor.shape[2]
    right, left = block.slope, block.negative
    if (right <= 0).any():
        raise lowering.refuse(block.node, "a PReLU that does not rise with its argument", "a positive slope above 0")
    inner = max(unit, lowering.scales.magnitude(block.node) * 1.25 / LIMIT16) if kind is Kind.I16 else unit
    building.slope, building.offset = building.slope * right, building.offset * right
    _flush(lowering, block.node, building, place, inner, kind, (-limit, limit) if kind is Kind.I16 else (-LIMIT8, LIMIT8))
    ratio = np.rint(left / right * Q12)
    if np.abs(ratio).max() > LIMIT16:
        raise lowering.refuse(block.node, f"a PReLU slope of {np.abs(left / right).max():.3g}", "slopes within -8..8")
    slope = np.zeros(ch, np.int16)
    slope[place % ch] = ratio
    if (slope[place % ch] != ratio).any():
        raise lowering.refuse(block.node, "PReLU slopes that differ over the map", "one slope a channel")
    bound = limit if kind is Kind.I16 else LIMIT8
    zero = np.zeros(ch, np.int32)
    output = lowering.tensor(f"{lowering.layer(block.node)}_prelu", building.tensor.shape, kind, inner)
    name = lowering.layer(block.node)
    building.tensor = lowering.emit(
        PRelu(name=name, inputs=(building.tensor.name,), output=output, before=zero, slope=slope, after=zero, low=-bound, high=bound)
    )
