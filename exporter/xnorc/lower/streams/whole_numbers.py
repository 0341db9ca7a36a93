# SPDX-License-Identifier: Apache-2.0
"""Real-valued paths that are whole numbers in disguise."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.capture import Const, Finite
from xnorc.capture.operations import Linear, operation
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.ops import dtype_of, is_moving, shape_of
from xnorc.lower.graph.scales import LIMIT16
from xnorc.lower.lowering import Lowering


def whole_unit(lowering: Lowering, nodes: list[fx.Node]) -> float | None:
    """A unit of which all elements of all nodes are whole multiples and whose int16 sums cannot saturate; else None."""
    graph = lowering.graph
    slopes: list[np.ndarray] = []
    bound = 0.0
    for node in nodes:
        stops = graph.origins[node]
        if len(stops) != 1:
            return None
        source = lowering.source(stops[0])
        if not source.exact or source.noise.any():
            return None
        chain = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), list(stops))
        two = isinstance(graph.values.get(stops[0]), Finite)  # any function of two values is a line
        if (chain.entry < 0).any() or not (two or all(_is_line(chain, n) for n in chain.path)):
            return None
        slope, offset = _line(chain, source.scale[chain.entry_at], source.offset[chain.entry_at])
        slopes += [slope, offset]
        at = chain.entry_at
        bound += float(
            np.maximum(np.abs(slope * source.low[at] + offset), np.abs(slope * source.high[at] + offset)).max()
        )
    # Each node is slope q + offset over integers q.  If all slopes and offsets are whole, every value is a multiple of
    # their greatest common divisor, and so is every sum of such values.
    every = np.unique(np.abs(np.concatenate(slopes)))
    every = every[every > 0]
    if not len(every) or not (every == np.rint(every)).all():
        return None
    unit = float(np.gcd.reduce(every.astype(np.int64)))
    return unit if bound / unit <= LIMIT16 else None


def _is_line(chain: Chain, node: fx.Node) -> bool:
    """A step that keeps lines lines: a move, a sum or cast of lines, a product with a constant."""
    row = operation(node)
    if is_moving(node):
        return True
    if row is None or row.linear is Linear.NEVER:
        return False
    if row.casts and dtype_of(node.all_input_nodes[0]).is_floating_point and not dtype_of(node).is_floating_point:
        return False  # the fraction is cut off
    varying = [n for n in node.all_input_nodes if not isinstance(chain.values.get(n), Const)]
    return row.linear is Linear.TOGETHER or (len(varying) == 1 and list(node.args).count(varying[0]) == 1)


def _line(chain: Chain, scale: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """slope and offset of a linear chain behind scale * q + offset, asked at q = 0 and q = 1."""
    import torch

    q = np.array([[0.0], [1.0]])
    real = chain(torch.from_numpy(q * scale + offset).to(chain.stops[0].meta["val"].dtype)).double().numpy()
    return real[1] - real[0], real[0]
