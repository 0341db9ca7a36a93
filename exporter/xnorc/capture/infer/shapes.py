# SPDX-License-Identifier: Apache-2.0
"""Operations that only move elements: views, permutations, slices, tiles, pads, constant gathers, concatenation."""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import shape
from xnorc.capture.infer.pointwise import packet
from xnorc.capture.infer.tables import Values, full, ordered, source, through
from xnorc.capture.values import MAX_CODES, Const, Finite, Range, Value, bounds, collapse, hull

aten = torch.ops.aten

MOVES = {
    aten.view, aten.reshape, aten._unsafe_view, aten.permute, aten.transpose, aten.t, aten.numpy_T, aten.expand,
    aten.slice, aten.select, aten.narrow, aten.unsqueeze, aten.squeeze, aten.flatten, aten.unflatten, aten.repeat,
    aten.tile, aten.flip, aten.roll, aten.rot90, aten.pixel_shuffle, aten.pixel_unshuffle, aten.channel_shuffle,
    aten.movedim, aten.swapaxes, aten.index, aten.index_select, aten.gather, aten.take, aten.diagonal, aten.unfold,
    aten.repeat_interleave, aten.reflection_pad1d, aten.reflection_pad2d, aten.replication_pad1d,
    aten.replication_pad2d, aten.contiguous, aten.expand_as, aten.view_as, aten.as_strided, aten.broadcast_to,
    aten.native_channel_shuffle, aten.tril, aten.triu,
}  # fmt: skip
FILLS = {aten.constant_pad_nd, aten.pad, aten.im2col}
JOINS = {aten.cat, aten.stack, aten.concat}
POOLS = {
    aten.max_pool1d, aten.max_pool2d, aten.max_pool3d, aten.adaptive_max_pool1d, aten.adaptive_max_pool2d, aten.amax,
}  # fmt: skip


def moves(node: fx.Node, values: Values) -> Value:
    """The value of a node that moves elements of its first input; constants elsewhere say where from."""
    if all(isinstance(values[n], Const | Finite) for n in node.all_input_nodes):
        table = _looked_up(node, values) or through(node, values, expand=True)
        if table is not None:
            return table
    origin = node.args[0]
    assert isinstance(origin, fx.Node)
    return bounds(values[origin])


def fills(node: fx.Node, values: Values) -> Value:
    """The value of a padding: the input's, and what it is padded with."""
    table = moves(node, values)
    if isinstance(table, Finite):
        return table
    mode = node.args[2] if len(node.args) > 2 else node.kwargs.get("mode", "constant")
    if packet(node) is aten.pad and mode != "constant":
        return table
    at = 3 if packet(node) is aten.pad else 2
    number = 0.0
    if packet(node) is not aten.im2col:
        given = node.args[at] if len(node.args) > at else node.kwargs.get("value")
        number = float(given) if isinstance(given, int | float) else 0.0
    return hull([bounds(table), Range(number, number, number.is_integer())])


def joins(node: fx.Node, values: Values) -> Value:
    """The value of a concatenation: rows stay with one source; with more, the node becomes a source."""
    parts = node.all_input_nodes
    held = [values[n] for n in parts]
    if not all(isinstance(v, Const | Finite) for v in held):
        return hull([bounds(v) for v in held])
    choosing = [v for v in held if isinstance(v, Finite) and len(v.vals) > 1]
    if len({v.src for v in choosing}) <= 1:
        table = through(node, values, expand=True)
        assert table is not None
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
    origin = node.args[0]
    assert isinstance(origin, fx.Node)
    value = values[origin]
    if not isinstance(value, Finite):
        return bounds(value)
    if value.uniform:
        return ordered(node, value)
    if packet(node) is not aten.amax and all(_constant_over_map(row, origin) for row in value.vals):
        return ordered(node, value)  # rows vary over channels alone, which no map pool mixes
    return hull([bounds(value)])


def _constant_over_map(row: torch.Tensor, node: fx.Node) -> bool:
    return row.ndim == 0 or (row.ndim == len(shape(node)) and all(size == 1 for size in row.shape[2:]))


def _few_of(value: Value) -> torch.Tensor:
    parts = value.vals if isinstance(value, Finite) else (value.tensor,) if isinstance(value, Const) else ()
    return torch.unique(torch.cat([p.reshape(-1) for p in parts]))


def _row(node: fx.Node, values: Values, i: int) -> torch.Tensor:
    def operand(n: fx.Node) -> torch.Tensor:
        value = values[n]
        if isinstance(value, Finite):
            return full(value.vals[min(i, len(value.vals) - 1)], n)
        assert isinstance(value, Const)
        return value.tensor

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), operand)
    with torch.no_grad():
        return collapse(node.target(*args, **kwargs))  # type: ignore[operator]


def _looked_up(node: fx.Node, values: Values) -> Finite | None:
    """`table[bits]`: a constant indexed by few values chooses row by row; the index needs no full shape."""
    origin = node.args[0]
    if packet(node) is aten.index and isinstance(origin, fx.Node) and isinstance(values[origin], Const):
        return through(node, values)
    return None
