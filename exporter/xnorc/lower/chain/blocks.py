# SPDX-License-Identifier: Apache-2.0
"""A real-valued chain cut into blocks that integer nodes know: affine, clamp, PReLU, and on vectors any function.

The chain is cut at every node through which all of it passes.  Each block is asked at many values, in float64, and
told by its answers: the same whether a PReLU is one operation, a `where`, or two ReLUs and a subtraction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import is_moving, shape_of
from xnorc.lower.graph.source import Source

STEPS = 512  # values asked on either side of 0
EXACT = 3e-6  # relative to the block's greatest output


@dataclass(frozen=True, eq=False)
class Block:
    """One block, per element of the chain's end.

    Attributes:
        kind: "affine": slope * u + offset; "clamp": clip(u, low, high); "prelu": u >= 0 ? u * slope : u * negative;
            "table": any `function`, the same for all elements of a vector (a map would need a table a channel, and
            more than 8 bits).
        node: the last operation of the block; start: what it reads.
        slope, offset, negative: float64 (elements,); low, high: floats, infinite where open.
        function: of a table: float64 (K,) -> float64 (K,), as the model computes it.
    """

    kind: str
    node: fx.Node
    start: fx.Node
    slope: np.ndarray
    offset: np.ndarray
    negative: np.ndarray
    low: float = -np.inf
    high: float = np.inf
    function: Callable[[np.ndarray], np.ndarray] | None = None


def cut(chain: Chain, stop: fx.Node) -> list[fx.Node]:
    """The nodes from the stop to the end through which everything passes, both included."""
    members = {stop, *chain.path}
    ordered = [n for n in stop.graph.nodes if n in members]
    place = {n: i for i, n in enumerate(ordered)}
    farthest = 0  # the last node that reads something made so far
    cuts = []
    for i, node in enumerate(ordered):
        if farthest <= i:
            cuts.append(node)
        farthest = max([farthest, *(place[u] for u in node.users if u in place)])
    return cuts


def blocks(graph: Graph, chain: Chain, source: Source) -> list[Block]:
    """The chain's blocks, first to last, affine neighbours merged.

    Raises:
        LowerError: a block is none of the known kinds.
    """
    if isinstance(graph.values.get(source.node), Finite):
        return [_two_values(chain, source)]
    cuts = cut(chain, source.node)
    at, places = chain.at, []
    for upper, lower in reversed(list(pairwise(cuts))):
        part = Chain(graph, lower, at, [upper])
        places.append((upper, lower, part))
        at = part.entry_at
    found: list[Block] = []
    for upper, lower, part in reversed(places):
        if is_moving(lower):
            continue
        block = _told(graph, upper, lower, part)
        if found and found[-1].kind == block.kind == "affine":
            block = Block(
                "affine",
                lower,
                found[-1].start,
                found[-1].slope * block.slope,
                found[-1].offset * block.slope + block.offset,
                block.negative,
            )
            found.pop()
        found.append(block)
    return found


def _two_values(chain: Chain, source: Source) -> Block:
    """Any function of two values is affine in them."""
    at = chain.entry_at
    q = np.array([[0], [1]]) + np.zeros((1, len(at)), np.int64)
    entry = source.real(q, at)
    low, high = chain(entry).double().numpy()
    slope = (high - low) / source.scale[at]
    return Block("affine", chain.end, source.node, slope, low - slope * source.offset[at], np.zeros(len(at)))


def _told(graph: Graph, upper: fx.Node, lower: fx.Node, part: Chain) -> Block:
    of_site, sites = part.classes([np.zeros(int(np.prod(shape_of(upper))), np.int64)])
    small = part.at_sites(sites)
    reach = max(graph.scales.reach(upper), 1e-6) * 1.25
    u = np.concatenate([-np.arange(STEPS, 0, -1), [0], np.arange(1, STEPS + 1)]) * (reach / STEPS)
    asked = torch.from_numpy(u).to(upper.meta["val"].dtype)[:, None].expand(-1, len(sites))
    v = small(asked).double().numpy()
    u = asked[:, 0].double().numpy()[:, None]
    zero, nothing = v[STEPS], np.zeros(len(sites))
    tolerance = EXACT * (np.abs(v).max() + 1e-30)
    slope = (v[-1] - v[0]) / (u[-1] - u[0])
    if np.abs(v - (slope * u + zero)).max() <= tolerance:
        return Block("affine", lower, upper, slope[of_site], zero[of_site], nothing[of_site])
    low, high = float(v.min()), float(v.max())
    if np.abs(v - np.clip(u, low, high)).max() <= tolerance:
        return Block(
            "clamp",
            lower,
            upper,
            nothing[of_site],
            nothing[of_site],
            nothing[of_site],
            low if low > u[0, 0] else -np.inf,
            high if high < u[-1, 0] else np.inf,
        )
    right, left = v[-1] / u[-1], v[0] / u[0]
    if np.abs(v - np.where(u >= 0, right * u, left * u)).max() <= tolerance:
        return Block("prelu", lower, upper, right[of_site], nothing[of_site], left[of_site])
    if len(sites) == 1 and _is_vector(lower):
        return _table(upper, lower, small, len(of_site))
    raise graph.refuse(
        lower,
        "a real-valued path goes through what is neither affine, nor a clip, nor a PReLU",
        "scale, shift, batch norm, ReLU, clip, PReLU",
    )


def _is_vector(node: fx.Node) -> bool:
    """One number a channel: (1, C) or (1, C, 1, 1)."""
    shape = shape_of(node)
    return len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))


def _table(upper: fx.Node, lower: fx.Node, one: Chain, elements: int) -> Block:
    dtype, nothing = upper.meta["val"].dtype, np.zeros(elements)

    def function(u: np.ndarray) -> np.ndarray:
        return np.asarray(one(torch.from_numpy(u[:, None].copy()).to(dtype)).double().numpy()[:, 0])

    return Block("table", lower, upper, nothing, nothing, nothing, function=function)
