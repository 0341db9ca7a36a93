# SPDX-License-Identifier: Apache-2.0
"""Binarize points that compare a map with numbers computed from that very map: which side is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.errors import LowerError
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import compares, is_moving, shape_of, short_name
from xnorc.lower.graph.positions import broadcast_from
from xnorc.lower.graph.scales import is_join


@dataclass(frozen=True, eq=False)
class DynamicComparison:
    """bit = f(compared_sign * compared + threshold_sign * threshold), where f is what lies behind `end`.

    Attributes:
        compared: the map; threshold: one number for each of its channels, computed from it.
        compared_sign, threshold_sign: +1 or -1.
        end: the sum or difference of both; the binarize point itself where that compares them.
    """

    compared: fx.Node
    threshold: fx.Node
    compared_sign: int
    threshold_sign: int
    end: fx.Node


def dynamic_comparison(graph: Graph, node: fx.Node, stops: tuple[fx.Node, ...]) -> DynamicComparison | None:
    """The two sides of a point that compares a map with one number a channel of its own; None for other points."""
    if compares(node) and len(node.all_input_nodes) == 2:
        way = 1 if compares(node) in ("ge", "gt") else -1
        end, signs = node, (way, -way)
    elif len(stops) == 1 and is_join(stops[0], graph.origins) and stops[0].kwargs.get("alpha", 1) == 1:
        end, signs = stops[0], (1, -1 if short_name(stops[0]) == "sub" else 1)
        if int(np.prod(shape_of(end)[2:])) == 1:
            return None  # a residual sum of vectors looks the same, and streams serve both
    else:
        return None
    if len(end.args) < 2 or not all(isinstance(a, fx.Node) and a in graph.origins for a in end.args[:2]):
        return None
    first, second = end.args[:2]
    assert isinstance(first, fx.Node)
    assert isinstance(second, fx.Node)
    if _depends(graph, second, first) and _one_a_channel(graph, second, end):
        return DynamicComparison(first, second, signs[0], signs[1], end)
    if _depends(graph, first, second) and _one_a_channel(graph, first, end):
        return DynamicComparison(second, first, signs[1], signs[0], end)
    return None


def _depends(graph: Graph, node: fx.Node, on: fx.Node) -> bool:
    """Whether the one origin of `node` is computed from the origins of `on`, and is not among them."""
    origins, wanted = graph.origins[node], set(graph.origins[on])
    if len(origins) != 1 or origins[0] in wanted:
        return False
    seen, ahead = set(), list(origins)
    while ahead:
        at = ahead.pop()
        if at in wanted:
            return True
        for before in at.all_input_nodes:
            if before not in seen:
                seen.add(before)
                ahead.append(before)
    return False


def _one_a_channel(graph: Graph, node: fx.Node, end: fx.Node) -> bool:
    """Whether all places of a channel of `end` read one element of `node`'s origin."""
    shape = shape_of(end)
    if len(shape) not in (2, 4):
        return False
    chain = Chain.tried(graph, node, _elements(node), [graph.origins[node][0]])
    if isinstance(chain, LowerError):
        return False
    read = chain.entry_at[broadcast_from(shape_of(node), shape)]
    per_channel = read.reshape(shape[1], -1)
    return bool((read >= 0).all() and (per_channel == per_channel[:, :1]).all())


def entry(graph: Graph, node: fx.Node, stop: fx.Node, end: fx.Node) -> np.ndarray:
    """For every element of `end` the element of `stop` that `node`, its argument, reads there."""
    chain = Chain(graph, node, _elements(node), [stop])
    return chain.entry_at[broadcast_from(shape_of(node), shape_of(end))]


def _elements(node: fx.Node) -> np.ndarray:
    return np.arange(int(np.prod(shape_of(node))))


def before_moves(node: fx.Node) -> fx.Node:
    """The vector that an expanded or reshaped one is made of."""
    while is_moving(node) and isinstance(before := node.args[0], fx.Node):
        if (
            not isinstance(before.meta.get("val"), torch.Tensor)
            or before.meta["val"].numel() > node.meta["val"].numel()
        ):
            break
        node = before
    return node
