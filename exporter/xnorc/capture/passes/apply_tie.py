# SPDX-License-Identifier: Apache-2.0
"""The user's tie rule: where a bit is needed, sign(0) is +1 or -1 instead of 0.

It touches only what needs it: signs of weights that hold exact zeros, signs of activations whose 0 reaches a dot as
a third value. A model that settles ties itself (`o[o == 0] = 1`) keeps its own rule.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, constant, dtype, insert, is_constant, replace
from xnorc.capture.execute import run
from xnorc.capture.infer import infer
from xnorc.capture.operations import is_dot, operation
from xnorc.capture.passes.work import Work
from xnorc.capture.source import where
from xnorc.capture.values import Finite
from xnorc.capture.weights import Kind, classify


def settle_weights(work: Work) -> bool:
    """Before folding: rewrites the signs that make a weight ternary by exact zeros.  Returns True if any was."""
    if work.tie is None:
        return False
    for node in list(work.gm.graph.nodes):
        if not is_dot(node) or not isinstance(node.args[1], fx.Node) or not is_constant(node.args[1]):
            continue
        weight = node.args[1]
        if classify(run(work.gm, {}, [weight])[weight]).kind is not Kind.TERNARY:
            continue
        for above in _above(weight):
            if _is_sign(above):
                zeros = int((run(work.gm, {}, [above])[above] == 0).sum())
                if zeros:
                    work.note(f"{where(above)}: {zeros} weights are exactly 0 and become {work.tie:+d} by the tie rule")
                    _rewrite(work, above)
                    return True
    return False


def settle_activations(work: Work) -> bool:
    """After folding: rewrites the signs whose 0 reaches a dot as a value of its own.  Returns True if any was."""
    if work.tie is None:
        return False
    values = infer(work.gm, work.image)
    found: dict[fx.Node, None] = {}
    for node in work.gm.graph.nodes:
        if not is_dot(node):
            continue
        for operand in node.all_input_nodes:
            value = values[operand]
            if not isinstance(value, Finite) or value.distinct() < 3:
                continue
            for above in _above(operand):
                table = values[above]
                if _is_sign(above) and isinstance(table, Finite) and table.src is above and table.tie is not None:
                    found[above] = None
    for above in found:
        work.note(f"{where(above)}: sign(0) is {work.tie:+d} by the tie rule")
        _rewrite(work, above)
    return bool(found)


def _rewrite(work: Work, node: fx.Node) -> None:
    x = node.args[0]
    assert isinstance(x, fx.Node)
    compare = aten.ge.Scalar if work.tie == 1 else aten.gt.Scalar
    upper = insert(work.gm, node, compare, (x, 0), node)
    one = constant(work.gm, node, torch.ones((), dtype=dtype(node)), node)
    minus = constant(work.gm, node, -torch.ones((), dtype=dtype(node)), node)
    replace(node, insert(work.gm, node, aten.where.self, (upper, one, minus), node))


def _is_sign(node: fx.Node) -> bool:
    row = operation(node)
    return row is not None and row.sign


def _above(node: fx.Node) -> list[fx.Node]:
    """The node and what it is computed from, nearest first; not past another dot."""
    seen: dict[fx.Node, None] = {}
    todo = [node]
    while todo:
        at = todo.pop(0)
        if at not in seen:
            seen[at] = None
            if not is_dot(at):
                todo += at.all_input_nodes
    return list(seen)
