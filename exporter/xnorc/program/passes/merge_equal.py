# SPDX-License-Identifier: Apache-2.0
"""Two nodes that do the same to the same tensors become one."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

from xnorc.program import Node, Program
from xnorc.program.store import to_document


def merge_equal(program: Program) -> Program:
    """Keep the first of equal nodes and let the readers of the others read it."""
    seen: dict[str, str] = {}
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in program.nodes:
        node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        key = _key(program, node)
        if key in seen and node.output.name != program.output:
            renamed[node.output.name] = seen[key]
        else:
            seen.setdefault(key, node.output.name)
            nodes.append(node)
    return replace(program, nodes=tuple(nodes))


def _key(program: Program, node: Node) -> str:
    """What the node does, without its name and its output's name."""
    nameless = replace(node, name="", output=dataclasses.replace(node.output, name=""))
    arrays: dict[str, object] = {}
    document = to_document(replace(program, nodes=(nameless,), notes=()), arrays)  # type: ignore[arg-type]
    return repr(document["nodes"]) + repr([(k, a.shape, a.tobytes()) for k, a in sorted(arrays.items())])  # type: ignore[attr-defined]
