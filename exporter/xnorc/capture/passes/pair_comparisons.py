# SPDX-License-Identifier: Apache-2.0
"""Of two opposite comparisons one becomes the other's negation: `x < t` is `not (x >= t)` where nothing is NaN.

Without that, `(x >= 0) - (x < 0)` would be the difference of two unrelated bits, with three values.
"""

from __future__ import annotations

from typing import Any

from torch import fx

from xnorc.capture.edit import aten, insert, replace
from xnorc.capture.infer import infer
from xnorc.capture.operations import operation
from xnorc.capture.passes.work import Work
from xnorc.capture.values import bounds

OPPOSITE = {"lt": "ge", "le": "gt", "ge": "lt", "gt": "le", "ne": "eq", "eq": "ne"}
MIRRORED = {"lt": "gt", "le": "ge", "ge": "le", "gt": "lt", "eq": "eq", "ne": "ne"}


def pair_comparisons(work: Work) -> bool:
    """Returns True if a comparison was replaced by the negation of an earlier one."""
    values = None
    seen: dict[Any, fx.Node] = {}
    changed = False
    for node in list(work.gm.graph.nodes):
        row = operation(node)
        if row is None or not row.compares or len(node.args) != 2:
            continue
        a, b = node.args
        opposite = OPPOSITE[row.compares]
        first = seen.get((opposite, _key(a), _key(b))) or seen.get((MIRRORED[opposite], _key(b), _key(a)))
        if first is None:
            seen.setdefault((row.compares, _key(a), _key(b)), node)
            continue
        values = values or infer(work.gm, work.image)
        if not any(bounds(values[n]).nan for n in node.all_input_nodes):
            replace(node, insert(work.gm, node, aten.logical_not.default, (first,), node))
            changed = True
    return changed


def _key(argument: Any) -> Any:
    return argument if isinstance(argument, fx.Node) else float(argument)
