# SPDX-License-Identifier: Apache-2.0
"""A clip within a stream: tighter limits of an Affine."""

from __future__ import annotations

import numpy as np

from xnorc.lower.chain.block_kinds import ClampBlock
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.pending import Pending, flush, limit, own_unit
from xnorc.program import Kind


def take_clamp(lowering: Lowering, so_far: Pending, block: ClampBlock, unit: float | None, kind: Kind) -> None:
    """Emit the clip; `unit` is the stream's own where the clip is the last block.

    Ahead of more operations the clipped values are held in int16, as fine as their size allows.
    """
    kind = kind if unit is not None else Kind.I16
    most = limit(kind)
    fine = unit if unit is not None else own_unit(lowering.graph, block.node)
    low = -most if np.isinf(block.low) else max(-most, round(block.low / fine))
    high = most if np.isinf(block.high) else min(most, round(block.high / fine))
    flush(lowering, block.node, so_far, fine, kind, (low, high))
