# SPDX-License-Identifier: Apache-2.0
"""Which element of its argument each element of a moving operation's result is: the operation itself, run on
`arange`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const, Value
from xnorc.capture.operations import with_fill
from xnorc.errors import Fault
from xnorc.lower.graph.ops import aten, shape_of

FILL = -1  # a padded element: the argument has none there
LENDS_SHAPE = {aten.expand_as.default, aten.view_as.default}


def moved_from(node: fx.Node, values: dict[fx.Node, Value]) -> tuple[fx.Node, np.ndarray]:
    """(argument, int64 index of its flat element for every flat element of `node`; FILL where a constant is written:
    `fill_of` of the table says which).

    Raises:
        Fault: the node moves nothing that depends on the image.
    """
    source = node.args[0]
    if not isinstance(source, fx.Node) or isinstance(values.get(source), Const):
        raise Fault(node.name, f"{node.target} is taken for a move of elements, and its argument is constant")
    numbers = torch.arange(1, int(np.prod(shape_of(source))) + 1, dtype=torch.float64).reshape(shape_of(source))
    args, kwargs = with_fill(node, 0.0)
    args, kwargs = fx.node.map_arg((args, kwargs), lambda n: numbers if n is source else _constant(n, node, values))
    moved = node.target(*args, **kwargs)  # type: ignore[operator]
    return source, moved.reshape(-1).to(torch.int64).numpy() - 1


def _constant(n: fx.Node, node: fx.Node, values: dict[fx.Node, Value]) -> Any:
    """What a move reads beside the moved tensor: constant indices, or a tensor that lends its shape alone."""
    value = values.get(n)
    if isinstance(value, Const):
        return value.tensor
    if node.target in LENDS_SHAPE:
        return n.meta["val"]
    raise Fault(node.name, f"{node.target} moves elements to places that depend on the image")


def broadcast_from(shape: tuple[int, ...], to: tuple[int, ...]) -> np.ndarray:
    """For every flat element of a tensor of shape `to`, the flat element of `shape` it reads by broadcasting."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    return np.ascontiguousarray(np.broadcast_to(numbers, to)).reshape(-1)


def joined_from(node: fx.Node) -> list[tuple[fx.Node, np.ndarray]]:
    """For a cat or stack: (part, int64 flat element of that part, or FILL where another part is meant), one each
    part."""
    parts = list(node.args[0])  # type: ignore[arg-type]
    kwargs = dict(node.kwargs)
    result = []
    for k, part in enumerate(parts):
        if not isinstance(part, fx.Node):
            raise Fault(node.name, "joins what is no tensor")
        numbers = [
            torch.arange(1, int(np.prod(shape_of(p))) + 1).reshape(shape_of(p)) * (1 if j == k else 0)
            for j, p in enumerate(parts)
            if isinstance(p, fx.Node)
        ]
        moved = node.target(numbers, *node.args[1:], **kwargs)  # type: ignore[operator]
        result.append((part, moved.reshape(-1).numpy() - 1))
    return result
