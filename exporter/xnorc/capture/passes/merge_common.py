# SPDX-License-Identifier: Apache-2.0
"""Common subexpressions: equal calls on equal nodes become one.

`soft` and `soft.detach()` are often traced twice, and a straight-through form cancels only what is one node.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import is_random, replace, tensor_of
from xnorc.capture.passes.work import Work


def merge_common(work: Work) -> bool:
    """Returns True if anything was merged."""
    seen: dict[Any, fx.Node] = {}
    changed = False
    for node in list(work.gm.graph.nodes):
        key = _key(work.gm, node)
        if key is None:
            continue
        first = seen.setdefault(key, node)
        if first is not node:
            replace(node, first)
            changed = True
    return changed


def _key(gm: fx.GraphModule, node: fx.Node) -> Any:
    if node.op == "get_attr":
        tensor = tensor_of(gm, node)
        small = tensor.numel() <= 64  # python numbers are lifted once per use
        return ("constant", tensor.dtype, tuple(tensor.shape), _bytes(tensor)) if small else (
            "attribute", tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())  # fmt: skip
    if node.op != "call_function" or is_random(node):
        return None
    return (node.target, _frozen(node.args), _frozen(sorted(node.kwargs.items())))


def _bytes(tensor: torch.Tensor) -> bytes:
    """What tells constants apart, by bit pattern: -0.0 is not 0.0."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _frozen(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, fx.Node):
        return value
    return (type(value).__name__, repr(value))  # 1 and 1.0 and True are different arguments
