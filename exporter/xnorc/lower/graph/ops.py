# SPDX-License-Identifier: Apache-2.0
"""What each ATen operation of the normal form does to *positions*: elementwise, moving, dense, or something else.

Elementwise operations are known by torch's own `pointwise` tag, so an operation never seen here is run as a black
box.  Moving operations (views, permutes, slices, pads, ...) are understood by running them on `arange`: no rule
per operation is needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

DOTS = {aten.conv2d.default, aten.conv2d.padding, aten.linear.default, aten.bmm.default, aten.matmul.default}
BATCH_NORM = {aten.batch_norm.default, aten._native_batch_norm_legit_no_training.default}
CASTS = {aten._to_copy.default, aten.type_as.default, aten.to.dtype}
MAX_POOL = {aten.max_pool2d.default, aten.max_pool2d_with_indices.default}
AVERAGES = {
    aten.avg_pool2d.default,
    aten.adaptive_avg_pool2d.default,
    aten.mean.dim,
    aten.mean.default,
    aten.sum.dim_IntList,
}
PADS = {aten.pad.default, aten.constant_pad_nd.default}
SOFTMAX = {
    aten.softmax.int,
    aten.log_softmax.int,
    aten._softmax.default,
    aten._log_softmax.default,
}
# Elementwise along the channel axis with a parameter of that axis, or elementwise without torch's tag.
UNTAGGED = {
    aten.prelu.default,
    aten.hardswish.default,
    aten.clone.default,
    aten.alias.default,
    aten.detach.default,
    aten.where.Scalar,
    aten.where.ScalarSelf,
    aten.where.ScalarOther,
}
MOVING = {
    "view",
    "_unsafe_view",
    "reshape",
    "permute",
    "transpose",
    "t",
    "flatten",
    "unflatten",
    "squeeze",
    "unsqueeze",
    "expand",
    "slice",
    "select",
    "chunk",
    "split",
    "split_with_sizes",
    "unbind",
    "narrow",
    "flip",
    "roll",
    "repeat",
    "movedim",
    "contiguous",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "index_select",
    "index",
    "tile",
    "pad",
    "constant_pad_nd",
    "reflection_pad2d",
    "replication_pad2d",
    "view_as",
    "expand_as",
    "lift_fresh_copy",
    "native_channel_shuffle",
    "unfold",
    "diagonal",
    "getitem",
}


def is_call(node: fx.Node, targets: set[Any]) -> bool:
    """True for a call of one of the overloads."""
    return node.op == "call_function" and node.target in targets


def is_elementwise(node: fx.Node) -> bool:
    """Every element of the result depends on the elements at its own (broadcast) position alone."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    known = node.target in UNTAGGED or node.target in CASTS or node.target in BATCH_NORM
    return known or torch.Tag.pointwise in node.target.tags


def short_name(node: fx.Node) -> str:
    """`view` for aten.view.default, `getitem` for operator.getitem."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.split("::")[1]
    return str(getattr(target, "__name__", target))


def is_moving(node: fx.Node) -> bool:
    """The result's elements are elements of its one tensor argument, moved, dropped or repeated (or a constant pad)."""
    if short_name(node) == "getitem":
        many = node.args[0]
        return isinstance(many, fx.Node) and is_moving(many)
    return node.op == "call_function" and short_name(node) in MOVING


def is_cat(node: fx.Node) -> bool:
    """A concatenation or stack of tensors."""
    return node.op == "call_function" and short_name(node) in ("cat", "stack", "concat")


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The node's shape as captured."""
    return tuple(int(n) for n in node.meta["val"].shape)


def dtype_of(node: fx.Node) -> torch.dtype:
    """The node's dtype as captured."""
    dtype = node.meta["val"].dtype
    assert isinstance(dtype, torch.dtype)
    return dtype


def argument(node: fx.Node, name: str) -> Any:
    """An argument of an ATen call by its schema name, defaults included."""
    assert isinstance(node.target, torch._ops.OpOverload)
    for position, arg in enumerate(node.target._schema.arguments):
        if arg.name == name:
            return node.args[position] if position < len(node.args) else node.kwargs.get(name, arg.default_value)
    raise KeyError(f"{node.target} has no argument {name}")
