# SPDX-License-Identifier: Apache-2.0
"""A real-valued chain cut into blocks that integer nodes know: affine, clamp, PReLU, and on vectors any function.

The chain is cut at every node through which all of it passes.  Each block is asked at many values and told by its
answers: it is the same whether a PReLU is one operation, a `where`, or two ReLUs and a subtraction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.errors import LowerError
from xnorc.lower.chain.block_kinds import AffineBlock, Block, ClampBlock, PReluBlock, TableBlock
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import is_moving, shape_of
from xnorc.lower.graph.source import Source

STEPS = 512  # values asked on either side of 0
EXACT = 3e-6  # relative to the block's greatest output: what float32 rounding of a few operations comes to
ROOM = 1.25  # values are asked this far beyond what was calibrated


def blocks(graph: Graph, chain: Chain, source: Source) -> list[Block] | LowerError:
    """The blocks between `source` and the chain's end, first to last, affine neighbours merged.

    Returns:
        the blocks; or, where one of them is of no known kind, the error that says so, to raise or to do without.
    """
    if chain.end is source.node:
        return []
    if isinstance(graph.values.get(source.node), Finite):
        return [_of_two_values(chain, source)]
    parts = _parts(graph, chain, source.node)
    if isinstance(parts, LowerError):
        return parts
    found: list[Block] = []
    for part in parts:
        if is_moving(part.end):
            continue
        block = _recognised(graph, part)
        if isinstance(block, LowerError):
            return block
        before = found[-1] if found else None
        if isinstance(before, AffineBlock) and isinstance(block, AffineBlock):
            # block(before(u)) = slope2 (slope1 u + offset1) + offset2
            slope, offset = before.slope * block.slope, before.offset * block.slope + block.offset
            found[-1] = AffineBlock(block.node, before.start, slope, offset)
        else:
            found.append(block)
    return found


@dataclass(frozen=True, eq=False)
class Affine:
    """Element e of a chain's end is slope[e] * q + offset[e] over the integers of the source; `plain` where the chain
    has no operation of its own but moves."""

    slope: np.ndarray
    offset: np.ndarray
    plain: bool


def affine(graph: Graph, chain: Chain, source: Source) -> Affine | None:
    """The whole chain as one affine function of the source's integers; None where it is none."""
    found = blocks(graph, chain, source)
    if isinstance(found, LowerError):
        return None
    slope, offset = source.scale[chain.entry_at], source.offset[chain.entry_at]
    for block in found:
        if not isinstance(block, AffineBlock):
            return None
        slope, offset = slope * block.slope, offset * block.slope + block.offset
    return Affine(slope, offset, plain=not found)


def cuts(chain: Chain, stop: fx.Node) -> list[fx.Node]:
    """The nodes from the stop to the end through which everything passes, both included."""
    members = {stop, *chain.path}
    ordered = [n for n in stop.graph.nodes if n in members]
    place = {n: i for i, n in enumerate(ordered)}
    # Walking along the graph's order, `farthest` is the last node that reads something made so far.  Where it is not
    # beyond the node at hand, nothing made earlier is read later: everything passes here.
    farthest = 0
    found = []
    for i, node in enumerate(ordered):
        if farthest <= i:
            found.append(node)
        farthest = max([farthest, *(place[u] for u in node.users if u in place)])
    return found


def _parts(graph: Graph, chain: Chain, stop: fx.Node) -> list[Chain] | LowerError:
    """A chain for each stretch between two cuts, first to last.

    They are followed from the end to the start, because which elements a stretch must give is known only from the
    entries of the next: moves of elements lie in between.
    """
    at, parts = chain.at, []
    for upper, lower in reversed(list(pairwise(cuts(chain, stop)))):
        part = Chain.tried(graph, lower, at, [upper])
        if isinstance(part, LowerError):
            return part
        parts.append(part)
        at = part.entry_at
    return parts[::-1]


def _of_two_values(chain: Chain, source: Source) -> AffineBlock:
    """Any function of two values is affine in them."""
    at = chain.entry_at
    q = np.array([[0], [1]]) + np.zeros((1, len(at)), np.int64)
    low, high = chain(source.real(q, at)).double().numpy()
    slope = (high - low) / source.scale[at]
    return AffineBlock(chain.end, source.node, slope, low - slope * source.offset[at])


def _recognised(graph: Graph, part: Chain) -> Block | LowerError:
    """What a stretch computes, told by its values at 2 * STEPS + 1 points around 0, in the order affine, clamp, PReLU,
    table: the simplest kind that explains them."""
    start, end = part.stops[0], part.end
    if not graph.scales.has_reach(start):
        return graph.scales.needs_data(start)
    of_site, sites = part.classes([np.zeros(int(np.prod(shape_of(start))), np.int64)])
    small = part.at_sites(sites)
    reach = max(graph.scales.reach(start), 1e-6) * ROOM
    u = np.concatenate([-np.arange(STEPS, 0, -1), [0], np.arange(1, STEPS + 1)]) * (reach / STEPS)
    asked = torch.from_numpy(u).to(start.meta["val"].dtype)[:, None].expand(-1, len(sites))
    v = small(asked).double().numpy()
    u = asked[:, 0].double().numpy()[:, None]  # as the chain's dtype has rounded them
    zero = v[STEPS]
    tolerance = EXACT * (np.abs(v).max() + 1e-30)
    slope = (v[-1] - v[0]) / (u[-1] - u[0])
    if np.abs(v - (slope * u + zero)).max() <= tolerance:
        return AffineBlock(end, start, slope[of_site], zero[of_site])
    low, high = float(v.min()), float(v.max())
    if np.abs(v - np.clip(u, low, high)).max() <= tolerance:
        # A bound that was asked for, but never met, is the end of the values asked: open.
        return ClampBlock(end, start, low if low > u[0, 0] else -np.inf, high if high < u[-1, 0] else np.inf)
    right, left = v[-1] / u[-1], v[0] / u[0]
    if np.abs(v - np.where(u >= 0, right * u, left * u)).max() <= tolerance:
        return PReluBlock(end, start, right[of_site], left[of_site])
    if len(sites) == 1 and _is_vector(end):
        return TableBlock(end, start, _function(small))
    return graph.refuse(
        end,
        "a real-valued path goes through what is neither affine, nor a clip, nor a PReLU",
        "scale, shift, batch norm, ReLU, clip, PReLU",
    )


def _is_vector(node: fx.Node) -> bool:
    """One number a channel: (1, C) or (1, C, 1, 1)."""
    shape = shape_of(node)
    return len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))


def _function(one: Chain) -> Callable[[np.ndarray], np.ndarray]:
    """A chain of one site as a function of float64 numbers."""
    dtype = one.stops[0].meta["val"].dtype

    def function(u: np.ndarray) -> np.ndarray:
        return np.asarray(one(torch.from_numpy(u[:, None].copy()).to(dtype)).double().numpy()[:, 0])

    return function
