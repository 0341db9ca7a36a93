# SPDX-License-Identifier: Apache-2.0
"""Negated terms of a sum become differences: `(-a) + b` is `b - a`, and `b - (-a)` is `b + a`, to the last bit.

IEEE negation is exact and a subtraction is the addition of the negated operand, so nothing is rounded differently; the
straight-through form `-soft + soft + hard` then cancels like any other.
"""

from __future__ import annotations

from torch import fx

from xnorc.capture.edit import aten, dtype, insert, packet, replace, shape
from xnorc.capture.passes.work import Work


def rewrite_negations(work: Work) -> bool:
    """Returns True if a sum or difference was rewritten."""
    changed = False
    for node in list(work.gm.graph.nodes):
        made = _without_negation(node)
        if made is not None:
            target, args = made
            replace(node, insert(work.gm, node, target, args, node))
            changed = True
    return changed


def _without_negation(node: fx.Node) -> tuple[object, tuple[fx.Node, fx.Node]] | None:
    if packet(node) not in (aten.add, aten.sub) or len(node.args) != 2 or node.kwargs.get("alpha", 1) != 1:
        return None
    left, right = node.args
    if not all(isinstance(a, fx.Node) and shape(a) == shape(node) and dtype(a) is dtype(node) for a in (left, right)):
        return None
    assert isinstance(left, fx.Node)
    assert isinstance(right, fx.Node)
    if packet(right) is aten.neg and isinstance(right.args[0], fx.Node):
        return (aten.sub.Tensor if packet(node) is aten.add else aten.add.Tensor), (left, right.args[0])
    if packet(left) is aten.neg and packet(node) is aten.add and isinstance(left.args[0], fx.Node):
        return aten.sub.Tensor, (right, left.args[0])
    return None
