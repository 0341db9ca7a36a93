# SPDX-License-Identifier: Apache-2.0
"""The calls that lowering matches by structure, each named once; what operations *do* is in the table of operations.

`xnorc.capture.operations` says what is elementwise, moving, a join, monotone; see there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import aten as aten
from xnorc.capture.edit import given as argument
from xnorc.capture.operations import is_elementwise, is_moving, operation
from xnorc.capture.operations import is_join as is_cat

__all__ = [
    "AVERAGES",
    "DOTS",
    "MAX_POOL",
    "SOFTMAX",
    "argument",
    "aten",
    "compares",
    "dtype_of",
    "is_call",
    "is_cast",
    "is_cat",
    "is_elementwise",
    "is_moving",
    "is_sign",
    "shape_of",
    "short_name",
]

DOTS = {aten.conv2d.default, aten.conv2d.padding, aten.linear.default, aten.bmm.default, aten.matmul.default}
MAX_POOL = {aten.max_pool2d.default}
AVERAGES = {
    aten.avg_pool2d.default,
    aten.adaptive_avg_pool2d.default,
    aten.mean.dim,
    aten.mean.default,
    aten.sum.dim_IntList,
}
SOFTMAX = {
    aten.softmax.int,
    aten.log_softmax.int,
    aten._softmax.default,
    aten._log_softmax.default,
}


def is_call(node: fx.Node, targets: set[Any]) -> bool:
    """True for a call of one of the overloads."""
    return node.op == "call_function" and node.target in targets


def is_cast(node: fx.Node) -> bool:
    """Only the dtype changes; a second tensor lends its dtype, not its elements."""
    row = operation(node)
    return row is not None and row.casts


def is_sign(node: fx.Node) -> bool:
    """sign(x)."""
    row = operation(node)
    return row is not None and row.sign


def compares(node: fx.Node) -> str:
    """ge, gt, le or lt for a comparison of order; empty for other nodes."""
    row = operation(node)
    return row.compares if row is not None and row.compares not in ("eq", "ne") else ""


def short_name(node: fx.Node) -> str:
    """`view` for aten.view.default: for messages and matches of structure."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.split("::")[1]
    return str(getattr(target, "__name__", target))


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The node's shape as captured."""
    return tuple(int(n) for n in node.meta["val"].shape)


def dtype_of(node: fx.Node) -> torch.dtype:
    """The node's dtype as captured."""
    dtype = node.meta["val"].dtype
    assert isinstance(dtype, torch.dtype)
    return dtype
