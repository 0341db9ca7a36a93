# SPDX-License-Identifier: Apache-2.0
"""Where the bit of a real margin flips: the model's own operations behind a sum, asked at real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.codes import TIE
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import compares, shape_of
from xnorc.lower.graph.source import BitOfRow

STEPS = 1024  # margins asked on either side of 0
HALVINGS = 60


@dataclass(frozen=True)
class Margin:
    """The bit is 1 above `at` where it `rises`, below `at` where not; `at` itself counts as above where `included`.

    A tie, sign(0) without a rule, counts as above.
    """

    at: float
    rises: bool
    included: bool = True


def margin(graph: Graph, node: fx.Node, end: fx.Node, bit_of_row: BitOfRow) -> Margin:
    """Where the point `node` flips as a function of `end`, a real map; of the difference of both sides where the
    point itself compares (`end` is `node`).

    Raises:
        LowerError: the bit flips not once, or at another place in another channel.
    """
    if end is node:
        return Margin(0.0, bit_of_row[-1] != 0, compares(node) in ("ge", "le"))
    reader = Reader(graph, node, bit_of_row)
    whole = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), [end])
    _, sites = whole.classes([np.zeros(int(np.prod(shape_of(end))), np.int64)])
    small = whole.at_sites(sites)
    dtype = end.meta["val"].dtype

    def codes(m: np.ndarray) -> np.ndarray:
        asked = torch.from_numpy(m)[:, None].to(dtype).expand(-1, len(sites))
        found = reader(small(asked.contiguous()), sites)
        if (found != found[:, :1]).any():
            raise graph.refuse(
                node, "a threshold of the image on top of one that changes over the map", "one of the two"
            )
        return np.where(found[:, 0] == TIE, 1, found[:, 0])

    # Numbers on either side of 0, spaced by equal factors: a flip may lie near 0 (an epsilon, a small shift) or far
    # out, and what matters is how far it is off in proportion.  The two that enclose the flip are then halved until
    # floats lie no closer.
    reach = max(graph.scales.reach(end), 1e-6) * 2
    m = np.concatenate([-np.geomspace(reach, reach * 1e-7, STEPS), [0.0], np.geomspace(reach * 1e-7, reach, STEPS)])
    bits = codes(m)
    flips = np.flatnonzero(bits[1:] != bits[:-1])
    if len(flips) != 1:
        raise graph.refuse(
            node, f"the bit flips {len(flips)} times as a map plus its own threshold grows", "one flip, as sign has"
        )
    low, high = m[flips[0]], m[flips[0] + 1]
    if 0.0 in (low, high):  # between 0 and its neighbour, 2e-7 of the reach: at 0, and 0 itself is on one of the sides
        return Margin(0.0, bool(bits[-1]), bool(bits[STEPS] == bits[-1]))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if codes(np.array([middle]))[0] == bits[-1] else (middle, high)
    return Margin(float(high), bool(bits[-1]))
