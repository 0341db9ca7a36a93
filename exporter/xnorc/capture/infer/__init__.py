# SPDX-License-Identifier: Apache-2.0
"""The value pass: one value per node, in graph order, from the operations alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import fx

from xnorc.capture.edit import is_random, tensor_of
from xnorc.capture.infer import dots, pointwise, reductions, shapes
from xnorc.capture.infer.tables import Values
from xnorc.capture.operations import Acts, Call, Rule, is_elementwise, operation
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
    if all(isinstance(values[n], Const) for n in node.all_input_nodes):
        return _computed(node, values)
    row = operation(node)
    if row is not None and row.rule is not None:
        return BY_RULE[row.rule](node, values) if row.applies(Call(node, values)) else UNKNOWN
    if row is not None and row.acts in BY_ACTS:
        return BY_ACTS[row.acts](node, values)
    return pointwise.infer(node, values) if is_elementwise(node) else UNKNOWN


BY_ACTS: dict[Acts, Callable[[fx.Node, Values], Value]] = {Acts.MOVE: shapes.moves, Acts.JOIN: shapes.joins}
BY_RULE: dict[Rule, Callable[[fx.Node, Values], Value]] = {
    Rule.CONV: dots.convolution,
    Rule.TRANSPOSED: dots.transposed,
    Rule.LINEAR: dots.linear,
    Rule.PRODUCT: dots.product,
    Rule.BATCH_NORM: dots.batch_norm,
    Rule.MAX_POOL: shapes.pools,
    Rule.GREATEST: shapes.pools,
    Rule.LAYER_NORM: reductions.layer_norm,
    Rule.INDEX: reductions.index_of_extreme,
    Rule.TRUTH: reductions.any_or_all,
    **dict.fromkeys((Rule.PICK, *reductions.BOUNDS), reductions.reduce),
}


def _computed(node: fx.Node, values: Values) -> Value:
    """A call on constants alone: its very result, unless it is random or no tensor."""
    if is_random(node):
        return UNKNOWN
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: values[n].tensor)  # type: ignore[union-attr]
    with torch.no_grad():
        result = node.target(*args, **kwargs)  # type: ignore[operator]
    return Const(result) if isinstance(result, torch.Tensor) else UNKNOWN


def is_known(node: fx.Node) -> bool:
    """True where the table knows the operation, or torch's tag lets it be run element by element."""
    return operation(node) is not None or is_elementwise(node)
