# SPDX-License-Identifier: Apache-2.0
"""Operations that only move elements: views, permutations, slices, tiles, pads, constant gathers, concatenation."""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, dtype, shape
from xnorc.capture.infer.tables import Values, full, ordered, source, through
from xnorc.capture.operations import fill_of, operation
from xnorc.capture.values import MAX_CODES, UNKNOWN, Const, Finite, Range, Value, bounds, collapse, hull
from xnorc.errors import Fault


def moves(node: fx.Node, values: Values) -> Value:
    """The value of a node that moves elements of its first input, and of the constant that it may write; constants
    elsewhere say where from."""
    if all(isinstance(values[n], Const | Finite) for n in node.all_input_nodes):
        table = _looked_up(node, values) or through(node, values, expand=True)
        if table is not None:
            return table
    moved, number = bounds(values[_first(node)]), fill_of(node)
    return moved if number is None else hull([moved, Range(number, number, number.is_integer())])


def _first(node: fx.Node) -> fx.Node:
    if not isinstance(node.args[0], fx.Node):
        raise Fault(node.name, "has no tensor as its first argument")
    return node.args[0]


def joins(node: fx.Node, values: Values) -> Value:
    """The value of a concatenation: rows stay with one source; with more, the node becomes a source."""
    parts = node.all_input_nodes
    held = [values[n] for n in parts]
    if any(dtype(n) is not dtype(node) for n in parts) and not all(isinstance(v, Const | Finite) for v in held):
        return UNKNOWN  # parts are cast, which may round
    if not all(isinstance(v, Const | Finite) for v in held):
        return hull([bounds(v) for v in held])
    choosing = [v for v in held if isinstance(v, Finite) and len(v.vals) > 1]
    if len({v.src for v in choosing}) <= 1:
        table = through(node, values, expand=True)
        if table is None:
            raise Fault(node.name, "joins parts of one source, and has no table")
        return table
    flat = torch.cat(
        [v.reshape(-1) for t in choosing for v in t.vals] + [_few_of(v) for v in held if v not in choosing]
    )
    union = torch.unique(flat)
    if len(union) <= MAX_CODES and all(v.uniform for v in choosing):
        ties = [t.vals[t.tie] for t in choosing if t.tie is not None]
        tie = next((i for i, v in enumerate(union) if ties and bool((v == ties[0]).all())), None)
        return source(node, list(union), tie)
    if len({len(v.vals) for v in choosing}) > 1:
        return hull([bounds(v) for v in held])
    rows = [_row(node, values, i) for i in range(len(choosing[0].vals))]
    return source(node, rows)


def pools(node: fx.Node, values: Values) -> Value:
    """The value of a max pool: of few values it picks one, and so becomes a source of its own."""
    origin, row = _first(node), operation(node)
    value = values[origin]
    if not isinstance(value, Finite):
        return bounds(value)
    if value.uniform:
        return ordered(node, value)
    if row is not None and row.axes and all(_constant_over_map(v, origin, row.axes) for v in value.vals):
        return ordered(node, value)  # rows vary over channels alone, which no map pool mixes
    return hull([bounds(value)])


def _constant_over_map(row: torch.Tensor, node: fx.Node, axes: int) -> bool:
    return row.ndim == 0 or (row.ndim == len(shape(node)) and all(size == 1 for size in row.shape[-axes:]))


def _few_of(value: Value) -> torch.Tensor:
    parts = value.vals if isinstance(value, Finite) else (value.tensor,) if isinstance(value, Const) else ()
    return torch.unique(torch.cat([p.reshape(-1) for p in parts]))


def _row(node: fx.Node, values: Values, i: int) -> torch.Tensor:
    def operand(n: fx.Node) -> torch.Tensor:
        value = values[n]
        if isinstance(value, Finite):
            return full(value.vals[min(i, len(value.vals) - 1)], n)
        if not isinstance(value, Const):
            raise Fault(node.name, f"joins tables, and {n.name} is none")
        return value.tensor

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), operand)
    with torch.no_grad():
        return collapse(node.target(*args, **kwargs))  # type: ignore[operator]


def _looked_up(node: fx.Node, values: Values) -> Finite | None:
    """`table[bits]`: a constant indexed by few values chooses row by row; the index needs no full shape."""
    origin = node.args[0]
    if node.target is aten.index.Tensor and isinstance(origin, fx.Node) and isinstance(values[origin], Const):
        return through(node, values)
    return None
