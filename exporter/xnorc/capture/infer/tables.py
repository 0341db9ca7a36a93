# SPDX-License-Identifier: Apache-2.0
"""Operations on tables of few values: run the ATen operation itself once per row.

Nothing is known here about what an operation computes, so any operation that works element by element, or only moves
elements, is exact: a comparison times two minus one, a batch norm after a sign, a padding with constants, casts.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product as cartesian
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import argument_names, shape
from xnorc.capture.operations import Call
from xnorc.capture.values import MAX_CODES, MAX_PRODUCT, Const, Finite, Value, collapse, stack_rows
from xnorc.errors import Fault

Values = Mapping[fx.Node, Value]


def source(node: fx.Node, rows: list[torch.Tensor], tie: int | None = None) -> Finite:
    """A table whose rows `node` itself chooses."""
    vals = tuple(collapse(row) for row in rows)
    return Finite(node, vals, vals, tie)


def ranked(row: torch.Tensor, node: fx.Node) -> torch.Tensor:
    """A row with as many axes as the node, so that type promotion sees a tensor where the graph has one."""
    return row.reshape((1,) * len(shape(node))) if row.ndim == 0 else row


def full(row: torch.Tensor, node: fx.Node) -> torch.Tensor:
    """A row at the node's own shape, without storage for the repeats."""
    return ranked(row, node).expand(shape(node))


def run_row(node: fx.Node, values: Values, choice: Mapping[fx.Node, int], expand: bool) -> torch.Tensor:
    """The result of `node` when every input source `s` is at row `choice[s]`.

    Args:
        expand: give every input its full shape (operations that move elements) instead of a broadcastable one.
    """

    def operand(source_node: fx.Node) -> torch.Tensor:
        value = values[source_node]
        if isinstance(value, Const):
            return value.tensor
        if not isinstance(value, Finite):
            raise Fault(node.name, f"is run row by row, and {source_node.name} is no table")
        row = value.vals[choice[value.src]]
        return full(row, source_node) if expand else ranked(row, source_node)

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), operand)
    target: Any = node.target
    with torch.no_grad():
        return collapse(target(*args, **kwargs))


def sources_of(node: fx.Node, values: Values) -> list[Finite]:
    """One table per distinct source among the inputs; tables of one row choose nothing and come last."""
    tables: dict[fx.Node, Finite] = {}
    for source_node in node.all_input_nodes:
        value = values[source_node]
        if isinstance(value, Finite):
            tables.setdefault(value.src, value)
    return list(tables.values())


def through(node: fx.Node, values: Values, expand: bool = False) -> Finite | None:
    """The table of a node whose inputs are constants and tables.

    One source: the rows stay that source's.  Several: all combinations are enumerated, equal rows merge, and the node
    becomes a source itself.  None where that needs more rows than a table may have.
    """
    tables = sources_of(node, values)
    moving = [t for t in tables if len(t.vals) > 1]
    fixed = {t.src: 0 for t in tables if len(t.vals) == 1}
    if len(moving) <= 1:
        owner = moving[0] if moving else tables[0]
        rows = tuple(run_row(node, values, fixed | {owner.src: i}, expand) for i in range(len(owner.vals)))
        return Finite(owner.src, owner.codes, rows, owner.tie)
    combinations = 1
    for table in moving:
        combinations *= len(table.vals)
    if combinations > MAX_PRODUCT:
        return None
    rows_seen: list[torch.Tensor] = []
    for picks in cartesian(*(range(len(t.vals)) for t in moving)):
        row = run_row(node, values, fixed | {t.src: i for t, i in zip(moving, picks, strict=True)}, expand)
        if not any(torch.equal(row, other) for other in rows_seen):
            rows_seen.append(row)
    return source(node, rows_seen) if len(rows_seen) <= MAX_CODES else None


def through_channels(node: fx.Node, values: Values) -> Finite | None:
    """The table of a channelwise node over a table and constants: each row runs at the width of the channels."""
    x = node.args[0]
    if not isinstance(x, fx.Node):
        raise Fault(node.name, "has no tensor as its first argument")
    value = values[x]
    others = [n for n in node.all_input_nodes if n is not x]
    if not isinstance(value, Finite) or not all(isinstance(values[n], Const) for n in others):
        return None
    rows = []
    for row in value.vals:
        wide = ranked(row, x)
        if wide.ndim > 1:
            wide = wide.expand(wide.shape[0], shape(x)[1], *wide.shape[2:]).contiguous()
        rows.append(collapse(Call(node, values).run(argument_names(node)[0], wide)))
    return Finite(value.src, value.codes, tuple(rows), value.tie)


def ordered(node: fx.Node, value: Finite) -> Finite:
    """The table after an operation that picks one of several elements (a max pool): rows sorted, element by element."""
    rank = [ranked(v, node) for v in value.vals]
    stacked = stack_rows(rank)
    sorted_rows = stacked.sort(dim=0).values
    rows: list[torch.Tensor] = []
    for row in sorted_rows:
        if not any(torch.equal(row, other) for other in rows):
            rows.append(row)
    tie = None
    if value.tie is not None:
        matches = [i for i, row in enumerate(rows) if bool((row == rank[value.tie]).all())]
        tie = matches[0] if matches else None
    return source(node, rows, tie)
