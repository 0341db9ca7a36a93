# SPDX-License-Identifier: Apache-2.0
"""Operations without a value rule that are compositions of others (`einsum`) are opened up, as eager mode does."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from xnorc.capture.edit import insert, replace
from xnorc.capture.infer import is_known
from xnorc.capture.passes.work import Work


def expand_composites(work: Work) -> bool:
    """Returns True if an operation was opened up."""
    changed = False
    for node in list(work.gm.graph.nodes):
        target = node.target
        if node.op != "call_function" or not isinstance(target, torch._ops.OpOverload) or is_known(node):
            continue
        if not target._can_decompose() or not isinstance(node.meta.get("val"), torch.Tensor):
            continue
        try:
            inner = _traced(work.gm, node)
        except NotImplementedError:  # a part has no kernel for tensors without storage: the whole stays unknown
            inner = None
        if inner is not None:
            replace(node, inner)
            changed = True
    return changed


def _traced(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """The composition's own calls, inserted before the node; None where it is a single kernel after all."""
    sources = node.all_input_nodes
    target: Any = node.target

    def call(*tensors: torch.Tensor) -> Any:
        at = dict(zip(sources, tensors, strict=True))
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), at.__getitem__)
        return target.decompose(*args, **kwargs)

    traced = make_fx(call)(*(torch.zeros(n.meta["val"].shape, dtype=n.meta["val"].dtype) for n in sources))
    calls = [n for n in traced.graph.nodes if n.op == "call_function"]
    if len(calls) == 1 and calls[0].target is target:
        return None
    copies: dict[fx.Node, Any] = dict(
        zip((n for n in traced.graph.nodes if n.op == "placeholder"), sources, strict=True)
    )
    for at in calls:
        args, kwargs = fx.node.map_arg((at.args, at.kwargs), copies.__getitem__)
        copies[at] = insert(gm, node, at.target, args, node, **kwargs)
    result = traced.graph.output_node().args[0]
    return copies[result] if isinstance(result, fx.Node) else None
