# SPDX-License-Identifier: Apache-2.0
"""Which element of its argument each element of a moving operation's result is: the operation itself, run on
`arange`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const, Value, where
from xnorc.errors import Fault
from xnorc.lower.graph.ops import PADS, argument, is_call, shape_of

FILL = -1  # a padded element: the argument has none there


def fill_value(node: fx.Node) -> float:
    """What a constant pad writes (0 where it is not given)."""
    value = argument(node, "value")
    return 0.0 if value is None else float(value)


def is_constant_pad(node: fx.Node) -> bool:
    """A pad that writes a constant, not edge or mirrored elements."""
    if is_call(node, {torch.ops.aten.pad.default}):
        return argument(node, "mode") == "constant"
    return is_call(node, PADS)


def moved_from(node: fx.Node, values: dict[fx.Node, Value]) -> tuple[fx.Node, np.ndarray]:
    """(argument, int64 index of its flat element for every flat element of `node`; FILL where a pad wrote a
    constant)."""
    source = _moved_argument(node, values)
    if "getitem" in str(node.target):
        return _moved_by_getitem(node, source, values)
    numbers = torch.arange(1, int(np.prod(shape_of(source))) + 1, dtype=torch.float64).reshape(shape_of(source))
    args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: _feed(n, source, numbers, values))
    if is_constant_pad(node):
        moved = torch.ops.aten.constant_pad_nd(numbers, list(argument(node, "pad")), 0.0)
    else:
        moved = node.target(*args, **kwargs)  # type: ignore[operator]
    return source, moved.reshape(-1).to(torch.int64).numpy() - 1


def _moved_argument(node: fx.Node, values: dict[fx.Node, Value]) -> fx.Node:
    moving = [n for n in node.all_input_nodes if not isinstance(values.get(n), Const)]
    if not moving:
        raise Fault(where(node), f"{node.target} moves nothing that depends on the image")
    return moving[0]


def _feed(n: fx.Node, source: fx.Node, numbers: torch.Tensor, values: dict[fx.Node, Value]) -> Any:
    if n is source:
        return numbers
    value = values.get(n)
    return value.tensor if isinstance(value, Const) else n.meta["val"]


def _moved_by_getitem(node: fx.Node, many: fx.Node, values: dict[fx.Node, Value]) -> tuple[fx.Node, np.ndarray]:
    """Element `i` of a chunk, split or unbind."""
    source = _moved_argument(many, values)
    numbers = torch.arange(int(np.prod(shape_of(source)))).reshape(shape_of(source))
    args, kwargs = fx.node.map_arg((many.args, dict(many.kwargs)), lambda n: _feed(n, source, numbers, values))
    parts = many.target(*args, **kwargs)  # type: ignore[operator]
    return source, parts[node.args[1]].reshape(-1).numpy()


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
        assert isinstance(part, fx.Node)
        numbers = [
            torch.arange(1, int(np.prod(shape_of(p))) + 1).reshape(shape_of(p)) * (1 if j == k else 0)
            for j, p in enumerate(parts)
            if isinstance(p, fx.Node)
        ]
        moved = node.target(numbers, *node.args[1:], **kwargs)  # type: ignore[operator]
        result.append((part, moved.reshape(-1).numpy() - 1))
    return result
