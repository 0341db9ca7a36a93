# SPDX-License-Identifier: Apache-2.0
"""Replaces operations that return several tensors by one plain operation per tensor used."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx

from xnorc.capture.edit import aten, constant, insert, is_constant, packet, replace, shape
from xnorc.capture.execute import run
from xnorc.capture.passes.work import Work
from xnorc.capture.running_mean import running_mean
from xnorc.capture.source import op_name, where
from xnorc.errors import CaptureError


def split_tuples(work: Work) -> bool:
    """Returns True if anything was replaced.

    Raises:
        CaptureError: a result of an operation without a plain form is used.
    """
    changed = False
    for node in list(work.gm.graph.nodes):
        if node.op == "call_function" and node.target is operator.getitem:
            whole, index = node.args
            assert isinstance(whole, fx.Node)
            assert isinstance(index, int)
            plain: fx.Node | None
            if is_constant(whole):
                plain = constant(work.gm, node, run(work.gm, {}, [whole])[whole][index], node)
            else:
                plain = _plain(work.gm, whole, index, node)
            if plain is None:
                raise CaptureError(where(whole), f"{op_name(whole)} returns several tensors", "no plain form is known")
            replace(node, plain)
            changed = True
    if changed:
        work.gm.graph.eliminate_dead_code()
    return changed


def _plain(gm: fx.GraphModule, whole: fx.Node, index: int, node: fx.Node) -> fx.Node | None:
    op, args = packet(whole), whole.args
    x: Any = args[0]
    if op in (aten.split, aten.split_with_sizes, aten.chunk, aten.unsafe_split, aten.unsafe_chunk, aten.tensor_split):
        dim = int(_argument(whole, 2, "dim", 0)) % len(shape(x))
        sizes = [part.shape[dim] for part in whole.meta["val"]]
        start = sum(sizes[:index])
        return insert(gm, node, aten.slice.Tensor, (x, dim, start, start + sizes[index]), node)
    if op is aten.unbind:
        return insert(gm, node, aten.select.int, (x, _argument(whole, 1, "dim", 0), index), node)
    if op is aten._native_batch_norm_legit_no_training and index == 0:
        _, weight, bias, mean, var, momentum, eps = args
        call = (x, weight, bias, mean, var, False, momentum, eps, False)
        return insert(gm, node, aten.batch_norm.default, call, node)
    if op is aten.max_pool2d_with_indices and index == 0:
        return insert(gm, node, aten.max_pool2d.default, args, node)
    if op in (aten.max, aten.min) and len(args) > 1 and index == 0:
        extreme = aten.amax.default if op is aten.max else aten.amin.default
        return insert(gm, node, extreme, (x, [args[1]], _argument(whole, 2, "keepdim", False)), node)
    if op in (aten.max, aten.min) and len(args) > 1 and index == 1:
        extreme = aten.argmax.default if op is aten.max else aten.argmin.default
        return insert(gm, node, extreme, (x, args[1], _argument(whole, 2, "keepdim", False)), node)
    if op in (aten.var_mean, aten.std_mean):
        overload = whole.target._overloadname  # type: ignore[union-attr]
        if index == 0:
            spread = getattr(aten.var if op is aten.var_mean else aten.std, overload)
            return insert(gm, node, spread, args, node, **whole.kwargs)
        keepdim = bool(_argument(whole, 3, "keepdim", False))  # (x, dim, unbiased, keepdim), or the last two by name
        dims = _argument(whole, 1, "dim", None) if overload != "default" else None
        every = list(range(len(shape(x))))
        return insert(gm, node, running_mean, (x, every if dims is None else list(dims), keepdim), node)
    if op is aten.adaptive_max_pool2d and index == 0:
        return _even_windows(gm, whole, node)
    if op is aten.native_layer_norm and index == 0:
        return insert(gm, node, aten.layer_norm.default, args, node)
    if op is aten.native_group_norm and index == 0:
        x, weight, bias, _, _, _, groups, eps = args
        return insert(gm, node, aten.group_norm.default, (x, groups, weight, bias, eps), node)
    return None


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _even_windows(gm: fx.GraphModule, whole: fx.Node, node: fx.Node) -> fx.Node | None:
    """An adaptive max pool whose windows are all alike is a plain one."""
    x = whole.args[0]
    assert isinstance(x, fx.Node)
    size, out = shape(x)[-2:], tuple(whole.meta["val"][0].shape[-2:])
    if any(i % o for i, o in zip(size, out, strict=True)):
        return None
    window = [i // o for i, o in zip(size, out, strict=True)]
    return insert(gm, node, aten.max_pool2d.default, (x, window, window), node)
