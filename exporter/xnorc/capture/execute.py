# SPDX-License-Identifier: Apache-2.0
"""Runs a captured graph, node by node, and hands back the results asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import fx


def run(
    gm: fx.GraphModule,
    inputs: Mapping[fx.Node, torch.Tensor],
    wanted: Iterable[fx.Node],
    instead: Mapping[fx.Node, Callable[[Any], Any]] | None = None,
) -> dict[fx.Node, Any]:
    """Results of `wanted`, given results of some nodes.

    Args:
        gm: the graph; constants are read from it.
        inputs: results of the nodes where running starts: the placeholder, or any cut through the graph.
        wanted: nodes whose results are returned.  Only what they need is run.
        instead: for some nodes, what takes their result's place, given that.

    Returns:
        node -> its result, in the graph's own dtypes, computed by the very same ATen calls.
    """
    wanted = list(wanted)
    results: dict[fx.Node, Any] = dict(inputs)
    needed = _needed(wanted, set(inputs))
    left = {n: sum(1 for u in n.users if u in needed) for n in needed}
    keep = set(wanted)
    with torch.no_grad():
        for node in gm.graph.nodes:
            if node not in needed or node in results:
                continue
            if node.op == "get_attr":
                results[node] = getattr(gm, node.target)
            elif node.op == "call_function":
                args, kwargs = fx.node.map_arg((node.args, node.kwargs), results.__getitem__)
                results[node] = node.target(*args, **kwargs)
            if instead and node in instead:
                results[node] = instead[node](results[node])
            for source in node.all_input_nodes:
                left[source] = left.get(source, 0) - 1
                if left[source] == 0 and source not in keep and source not in inputs:
                    results.pop(source, None)
    return {n: results[n] for n in wanted}


def run_logits(gm: fx.GraphModule, example: torch.Tensor) -> torch.Tensor:
    """The graph's output for one input."""
    source = next(n for n in gm.graph.nodes if n.op == "placeholder")
    logits = gm.graph.output_node().args[0]
    assert isinstance(logits, fx.Node)
    result = run(gm, {source: example}, [logits])[logits]
    assert isinstance(result, torch.Tensor)
    return result


def _needed(wanted: list[fx.Node], given: set[fx.Node]) -> set[fx.Node]:
    seen: set[fx.Node] = set()
    todo = list(wanted)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            if node not in given:
                todo += node.all_input_nodes
    return seen
