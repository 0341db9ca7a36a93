# SPDX-License-Identifier: Apache-2.0
"""Any function within a stream of one number a channel: a table of 257 values, read between them."""

from __future__ import annotations

import numpy as np

from xnorc.lower.chain.block_kinds import TableBlock
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.scales import HEADROOM, LIMIT16
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.pending import Pending, flush
from xnorc.program import Kind
from xnorc.program.nodes.table import Table

STEP = 256  # integers between two values of a table
EACH_SIDE = 128  # steps on either side of 0


def take_table(lowering: Lowering, so_far: Pending, block: TableBlock) -> None:
    """Emit the table over the calibrated range; units are powers of two, so that layers share tables."""
    graph, builder = lowering.graph, lowering.builder
    unit = 2.0 ** np.ceil(np.log2(max(graph.scales.reach(block.start), 1e-6) * HEADROOM / LIMIT16))
    flush(lowering, block.node, so_far, unit, Kind.I16, (-LIMIT16, LIMIT16))
    asked = unit * float(STEP) * np.arange(-EACH_SIDE, EACH_SIDE + 1)
    real = block.function(asked)
    finite = np.isfinite(real)
    if not finite.any():
        raise graph.refuse(block.node, "a function without a finite value", "")
    real = np.interp(asked, asked[finite], real[finite])  # a root below 0: beyond what was calibrated
    _refuse_jumps(graph, block, unit, real)
    fine = 2.0 ** np.ceil(np.log2(max(float(np.abs(real).max()), 1e-6) / LIMIT16))
    name = layer_of(block.node)
    output = builder.tensor(f"{name}_table", so_far.tensor.shape, Kind.I16, fine)
    values = np.rint(real / fine).astype(np.int16)
    so_far.tensor = builder.emit(Table(name=name, inputs=(so_far.tensor.name,), output=output, values=values))
    so_far.slope, so_far.reach = np.full(len(so_far.place), fine), int(np.abs(values.astype(int)).max())


def _refuse_jumps(graph: Graph, block: TableBlock, unit: float, real: np.ndarray) -> None:
    """A continuous function changes from one integer to the next by a small part of what it changes by over STEP of
    them (a sixteenth at a root); a function that jumps, by nearly all, and what is read between two values is wrong."""
    every = block.function(unit * np.arange(-LIMIT16, LIMIT16 + 1, dtype=np.float64))
    leaps = np.abs(np.diff(every))
    leap = float(leaps[np.isfinite(leaps)].max(initial=0.0))
    if leap > 0.5 * float(np.abs(np.diff(real)).max()) and leap > 2.0**-12 * float(np.abs(real).max()):
        raise graph.refuse(
            block.node, f"a real value goes through a function that jumps, by {leap:.3g}", "a continuous function"
        )
