# SPDX-License-Identifier: Apache-2.0
"""Where each value of the float graph comes from: the nearest nodes whose integers the program will hold.

Elementwise and moving operations carry an origin through.  A node is an origin of its own when it is the input, a
dot, a binarize point, an operation over many elements (a pool, a mean), or a join: an elementwise operation on two
different origins (a residual add).
"""

from __future__ import annotations

from torch import fx

from xnorc.capture import Captured, Const, Finite
from xnorc.lower.graph.ops import is_cast, is_cat, is_elementwise, is_moving

Origins = dict[fx.Node, tuple[fx.Node, ...]]
SignFactors = dict[fx.Node, fx.Node]


def find_origins(captured: Captured, sign_factors: SignFactors) -> tuple[Origins, set[fx.Node]]:
    """(the origins of every node that depends on the input, in graph order; the binarize points among them).

    More than one origin occurs only below a cat.  Points are those that reach a dot, and those whose two values
    are pooled or added to something of another origin.
    """
    points = {point.node for point in captured.points}
    while True:
        known = _origins(captured, sign_factors, points)
        more = {
            value.src
            for node in known
            if known[node] == (node,) and node not in points
            for argument in _arguments(node, sign_factors)
            if isinstance(value := captured.values.get(argument), Finite) and value.src in known
        } - points
        if not more:
            return known, points
        points |= more


def _origins(captured: Captured, sign_factors: SignFactors, points: set[fx.Node]) -> Origins:
    result: Origins = {}
    for node in captured.graph.graph.nodes:
        if node.op == "output" or isinstance(captured.values.get(node), Const) or node.op == "get_attr":
            continue
        found = [result[n] for n in _arguments(node, sign_factors) if n in result]
        # An index that depends on the image is no mere move.
        moves = is_moving(node) and len(found) == 1 and node.args[0] in result
        through = is_elementwise(node) or moves or is_cat(node)
        if node in points or not found or not through:
            result[node] = (node,)
        elif is_cat(node):
            result[node] = tuple(dict.fromkeys(o for each in found for o in each))
        else:
            result[node] = found[0] if len(set(found)) == 1 else (node,)
    return result


def origin_of_arguments(node: fx.Node, known: Origins, sign_factors: SignFactors) -> tuple[fx.Node, ...]:
    """The origins of a node's own arguments: what a binarize point or a join is made of."""
    found = [known[n] for n in _arguments(node, sign_factors) if n in known]
    return tuple(dict.fromkeys(o for each in found for o in each))


def _arguments(node: fx.Node, sign_factors: SignFactors) -> list[fx.Node]:
    if node in sign_factors:
        return [sign_factors[node]]
    return node.all_input_nodes[:1] if is_cast(node) else node.all_input_nodes
