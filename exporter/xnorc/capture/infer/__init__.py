# SPDX-License-Identifier: Apache-2.0
"""The value pass: one value per node, in graph order, from the operations alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from xnorc.capture.edit import is_random, tensor_of
from xnorc.capture.infer import dots, pointwise, reductions, shapes
from xnorc.capture.infer.pointwise import aten, packet
from xnorc.capture.infer.tables import Values
from xnorc.capture.values import UNKNOWN, Const, Range, Value


def infer(gm: fx.GraphModule, image: Range) -> dict[fx.Node, Value]:
    """The value of every node but the output.

    Args:
        gm: a graph in normal form.
        image: what is assumed of the input's elements.
    """
    values: dict[fx.Node, Value] = {}
    for node in gm.graph.nodes:
        if node.op != "output":
            values[node] = value_at(gm, node, values, image)
    return values


def value_at(gm: fx.GraphModule, node: fx.Node, values: Values, image: Range) -> Value:
    """The value of any node but the output, from those of the nodes before it."""
    if node.op == "placeholder":
        return image
    return Const(tensor_of(gm, node)) if node.op == "get_attr" else value_of(node, values)


def infer_region(region: list[fx.Node], given: Mapping[fx.Node, Value]) -> dict[fx.Node, Value]:
    """The values of `region`, in graph order, under what is given for the nodes it reads."""
    values = dict(given)
    for node in region:
        values[node] = value_of(node, values)
    return values


def value_of(node: fx.Node, values: Values) -> Value:
    """The value of one call from the values of its inputs; UNKNOWN where no rule is known, which is always true."""
    op = packet(node)
    if all(isinstance(values[n], Const) for n in node.all_input_nodes):
        return _computed(node, values)
    if op in dots.DOTS or op in dots.TRANSPOSED:
        return dots.dot(node, values)
    if op is aten.batch_norm:
        return dots.batch_norm_table(node, values)
    if op in shapes.MOVES:
        return shapes.moves(node, values)
    if op in shapes.FILLS:
        return shapes.fills(node, values)
    if op in shapes.JOINS:
        return shapes.joins(node, values)
    if op in shapes.POOLS:
        return shapes.pools(node, values)
    if op in reductions.INDICES:
        return reductions.index_of_extreme(node, values)
    if op in (aten.any, aten.all):
        return reductions.any_or_all(node, values)
    if op in (aten.layer_norm, aten.group_norm):
        return reductions.layer_norm(node, values)
    if op in reductions.BOUNDS:
        return reductions.reduce(node, values)
    if pointwise.is_pointwise(node):
        return pointwise.infer(node, values)
    return UNKNOWN


def _computed(node: fx.Node, values: Values) -> Value:
    """A call on constants alone: its very result, unless it is random or no tensor."""
    if is_random(node):
        return UNKNOWN
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: values[n].tensor)  # type: ignore[union-attr]
    with torch.no_grad():
        result = node.target(*args, **kwargs)  # type: ignore[operator]
    return Const(result) if isinstance(result, torch.Tensor) else UNKNOWN


def is_known(node: fx.Node) -> bool:
    """True where a rule above knows what the operation does with values."""
    op = packet(node)
    return (
        op in dots.DOTS | dots.TRANSPOSED | shapes.MOVES | shapes.FILLS | shapes.JOINS | shapes.POOLS
        or op in reductions.INDICES | {aten.any, aten.all, aten.layer_norm, aten.group_norm, aten.batch_norm}
        or op in reductions.BOUNDS
        or pointwise.is_pointwise(node)
    )
