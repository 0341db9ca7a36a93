# SPDX-License-Identifier: Apache-2.0
"""The table, by overload, and the questions that are asked of it most."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import argument_names, given
from xnorc.capture.operations import elementwise, many, moves
from xnorc.capture.operations.conditions import Call
from xnorc.capture.operations.row import Acts, Operation, Rule

TABLE: dict[Any, Operation] = {row.target: row for row in (*elementwise.ROWS, *moves.ROWS, *many.ROWS)}


def operation(node: fx.Node) -> Operation | None:
    """The row of a call; None where the operation is unknown, and for other nodes."""
    return TABLE.get(node.target) if node.op == "call_function" else None


def is_elementwise(node: fx.Node) -> bool:
    """Every element of the result depends on the arguments' elements at its own place (or channel) alone.

    True also for unknown operations that torch tags as pointwise: they may be run as black boxes.
    """
    row = operation(node)
    if row is not None:
        return row.acts in (Acts.ELEMENTWISE, Acts.CHANNELWISE)
    return node.op == "call_function" and torch.Tag.pointwise in getattr(node.target, "tags", ())


def is_channelwise(node: fx.Node) -> bool:
    """Elementwise in the first argument; of the others an element is read at the result's channel."""
    return _acts(node) is Acts.CHANNELWISE


def is_moving(node: fx.Node) -> bool:
    """The result's elements are elements of the first argument, moved, dropped or repeated, and constants."""
    return _acts(node) is Acts.MOVE


def is_join(node: fx.Node) -> bool:
    """A concatenation or stack of tensors."""
    return _acts(node) is Acts.JOIN


def is_dot(node: fx.Node) -> bool:
    """A convolution or a matrix product, of the kinds that may become a layer of the program."""
    row = operation(node)
    return row is not None and row.rule in (Rule.CONV, Rule.LINEAR, Rule.PRODUCT)


def is_pool(node: fx.Node) -> bool:
    """Picks the greatest of several elements."""
    row = operation(node)
    return row is not None and row.rule in (Rule.MAX_POOL, Rule.GREATEST)


def fill_of(node: fx.Node) -> float | None:
    """The constant that a moving operation writes where no element lies; None where it writes none."""
    row = operation(node)
    if row is None or row.fill is None or not all(c.holds(Call(node, {})) for c in row.fills_when):
        return None
    number = given(node, row.fill) if isinstance(row.fill, str) else row.fill
    return 0.0 if number is None else float(number)


def with_fill(node: fx.Node, number: float) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a moving call, with another constant to write where it takes one as an argument."""
    row = operation(node)
    if row is None or not isinstance(row.fill, str) or fill_of(node) is None:
        return node.args, dict(node.kwargs)
    at = argument_names(node).index(row.fill)
    if at < len(node.args):
        return (*node.args[:at], number, *node.args[at + 1 :]), dict(node.kwargs)
    return node.args, {**node.kwargs, row.fill: number}


def _acts(node: fx.Node) -> Acts | None:
    row = operation(node)
    return None if row is None else row.acts
