# SPDX-License-Identifier: Apache-2.0
"""A stream half-way: a tensor, and an affine function of its integers that no node has computed yet.

Affine blocks only change that function.  It becomes a node where the next block needs it done, or at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.scales import HEADROOM, LIMIT8, LIMIT16
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.affine import emit_affine
from xnorc.program import Kind, Tensor


@dataclass(eq=False)
class Pending:
    """Element e of a real node is slope[e] * q + offset[e], q being element place[e] of `tensor`.

    Attributes:
        place: int64; slope, offset: float64.
        reach: greatest |q| that occurs.
    """

    tensor: Tensor
    place: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    reach: int


def pending(source: Source, entry_at: np.ndarray) -> Pending:
    """The elements `entry_at` of a source, with nothing done to them yet."""
    reach = int(max(np.abs(source.low).max(), np.abs(source.high).max()))
    return Pending(source.tensor, source.at[entry_at], source.scale[entry_at], source.offset[entry_at], reach)


def flush(lowering: Lowering, node: fx.Node, so_far: Pending, unit: float, kind: Kind, limits: tuple[int, int]) -> None:
    """Emit the affine function: from here on the integers are round(real / unit), clamped to `limits`."""
    wanted = f"{layer_of(node)}_stream"
    so_far.tensor = emit_affine(
        lowering,
        node,
        so_far.tensor,
        so_far.place,
        so_far.slope,
        so_far.offset,
        kind,
        unit,
        limits,
        so_far.reach,
        wanted,
    )
    so_far.slope, so_far.offset = np.full(len(so_far.place), unit), np.zeros(len(so_far.place))
    so_far.reach = max(abs(end) for end in limits)


def own_unit(graph: Graph, node: fx.Node) -> float:
    """The finest unit at which int16 holds what a node was calibrated to, with headroom."""
    return (graph.scales.reach(node) or 1.0) * HEADROOM / LIMIT16


def limit(kind: Kind) -> int:
    """The greatest integer of a stream: the range is symmetric, so that a sign can change."""
    return LIMIT16 if kind is Kind.I16 else LIMIT8
