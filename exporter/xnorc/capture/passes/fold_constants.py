# SPDX-License-Identifier: Apache-2.0
"""Computes once what depends on no input, by the very operations of the graph, and keeps only the results."""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import constant, is_constant, is_random, replace, tensor_of
from xnorc.capture.execute import run
from xnorc.capture.passes.work import Work
from xnorc.capture.source import op_name, where
from xnorc.errors import CaptureError


def fold_constants(work: Work) -> bool:
    """Returns True if anything was folded.

    Raises:
        CaptureError: a constant comes out as NaN or infinite where only finite ones went in.
    """
    gm = work.gm
    results: dict[fx.Node, torch.Tensor] = {}
    for node in gm.graph.nodes:
        if node.op == "get_attr":
            results[node] = tensor_of(gm, node)
        elif node.op == "call_function" and all(n in results for n in node.all_input_nodes) and not is_random(node):
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), results.__getitem__)
            with torch.no_grad():
                result = node.target(*args, **kwargs)
            if isinstance(result, torch.Tensor):
                results[node] = result
    folded = [n for n in results if n.op != "get_attr"]
    for node in folded:
        if any(user not in results for user in node.users):
            tensor = results[node]
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise CaptureError(
                    where(node), f"{op_name(node)} of constants gives NaN or infinity", "weights that stay finite"
                )
            replace(node, constant(gm, node, tensor, node))
    gm.graph.eliminate_dead_code()
    _drop_unused(gm)
    return bool(folded)


def fold_numbers(work: Work) -> bool:
    """`.item()` of constants, and arithmetic on it: users take the number itself.  Returns True if any was folded."""
    changed = False
    for node in list(work.gm.graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or isinstance(value, torch.Tensor | tuple | list) or not node.users:
            continue
        if not is_constant(node):
            continue
        number = run(work.gm, {}, [node])[node]
        if isinstance(number, bool | int | float):
            _write_number(node, number)
            changed = True
    return changed


def _write_number(node: fx.Node, number: bool | int | float) -> None:
    for user in list(node.users):
        user.args = fx.node.map_arg(user.args, lambda n: number if n is node else n)
        user.kwargs = fx.node.map_arg(user.kwargs, lambda n: number if n is node else n)


def _drop_unused(gm: fx.GraphModule) -> None:
    used = {n.target for n in gm.graph.nodes if n.op == "get_attr"}
    for name in [name for name, _ in gm.named_buffers() if name not in used]:
        delattr(gm, name)
