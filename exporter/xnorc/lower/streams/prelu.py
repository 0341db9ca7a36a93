# SPDX-License-Identifier: Apache-2.0
"""PReLUs within a stream, alone or between two shifts (RPReLU)."""

from __future__ import annotations

import numpy as np

from xnorc.lower.builder import Builder
from xnorc.lower.chain.block_kinds import AffineBlock, Block, PReluBlock
from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.scales import LIMIT16
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.pending import Pending, flush, own_unit
from xnorc.program import Kind
from xnorc.program.nodes.prelu import PRelu

Q12 = 4096  # PRelu slopes are in units of 1 / 4096
UNITY = 1e-5  # a slope of 1, asked in float32


def take_prelu(lowering: Lowering, so_far: Pending, block: PReluBlock, unit: float | None, kind: Kind) -> None:
    """Emit u >= 0 ? right u : left u; `unit` is the stream's own where this is the last block.

    The factor `right` > 0 goes into the affine ahead, u' = right u, and what is left for the node has slope 1 above 0:
    u' >= 0 ? u' : (left / right) u'.
    """
    graph, builder = lowering.graph, lowering.builder
    right, left = block.positive, block.negative
    if (right <= 0).any():
        raise graph.refuse(block.node, "a PReLU that does not rise above 0", "a slope above 0 for positive values")
    so_far.slope, so_far.offset = so_far.slope * right, so_far.offset * right
    # u' must fit ahead of the node, where it is right u, and behind it, where negative values have changed.
    fine = max(own_unit(graph, block.node), own_unit(graph, block.start) * float(right.max()))
    if unit is not None and kind is Kind.I16 and unit >= fine:
        fine = unit
    flush(lowering, block.node, so_far, fine, Kind.I16, (-LIMIT16, LIMIT16))
    ratio = np.rint(left / right * Q12)
    if np.abs(ratio).max() > LIMIT16:
        raise graph.refuse(block.node, f"a PReLU slope of {np.abs(left / right).max():.3g}", "slopes within -8..8")
    slope = _per_channel(ratio, so_far)
    if slope is None:
        raise graph.refuse(block.node, "PReLU slopes that differ over the map", "one slope a channel")
    zero = np.zeros(len(slope), np.int64)
    _emit(builder, so_far, block, zero, slope, zero, fine)


def take_shifted_prelu(builder: Builder, so_far: Pending, blocks: list[Block], unit: float, kind: Kind) -> bool:
    """shift, PReLU, shift of a stream that keeps its scale is one PRelu node; True where this was that."""
    bent = [i for i, block in enumerate(blocks) if isinstance(block, PReluBlock)]
    stays = so_far.tensor.kind is Kind.I16 and kind is Kind.I16 and (so_far.slope == unit).all()
    if len(bent) != 1 or not stays or so_far.offset.any():
        return False
    prelu = blocks[bent[0]]
    assert isinstance(prelu, PReluBlock)
    ahead = _shift(blocks[: bent[0]], len(so_far.place))
    behind = _shift(blocks[bent[0] + 1 :], len(so_far.place))
    if ahead is None or behind is None or (np.abs(prelu.positive - 1) > UNITY).any():
        return False
    columns = [-np.rint(ahead / unit), np.rint(prelu.negative * Q12), np.rint(behind / unit)]
    if any(np.abs(c).max(initial=0) > LIMIT16 for c in columns):
        return False
    before, slope, after = (_per_channel(column, so_far) for column in columns)
    if before is None or slope is None or after is None:
        return False
    _emit(builder, so_far, prelu, before, slope, after, unit)
    so_far.reach = LIMIT16
    return True


def _shift(blocks: list[Block], elements: int) -> np.ndarray | None:
    """What the blocks add to each element; None where they do more than that."""
    shift = np.zeros(elements)
    for block in blocks:
        if not isinstance(block, AffineBlock) or (np.abs(block.slope - 1) > UNITY).any():
            return None
        shift = shift + block.offset
    return shift


def _per_channel(values: np.ndarray, so_far: Pending) -> np.ndarray | None:
    """int64 (channels,) from one whole number an element; None where a channel has several."""
    table = np.zeros(so_far.tensor.shape[2], np.int64)
    channel = so_far.place % len(table)
    table[channel] = values
    return table if (table[channel] == values).all() else None


def _emit(
    builder: Builder,
    so_far: Pending,
    block: PReluBlock,
    before: np.ndarray,
    slope: np.ndarray,
    after: np.ndarray,
    unit: float,
) -> None:
    name = layer_of(block.node)
    node = PRelu(
        name=name,
        inputs=(so_far.tensor.name,),
        output=builder.tensor(f"{name}_prelu", so_far.tensor.shape, Kind.I16, unit),
        before=before.astype(np.int32),
        slope=slope.astype(np.int16),
        after=after.astype(np.int32),
        low=-LIMIT16,
        high=LIMIT16,
    )
    so_far.tensor = builder.emit(node)
