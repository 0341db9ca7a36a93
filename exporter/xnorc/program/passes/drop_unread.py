# SPDX-License-Identifier: Apache-2.0
"""Nodes whose output nobody reads go."""

from __future__ import annotations

from dataclasses import replace

from xnorc.program import Node, Program


def drop_unread(program: Program) -> Program:
    """Keep what the output depends on."""
    needed = {program.output}
    kept: list[Node] = []
    for node in reversed(program.nodes):
        if node.output.name in needed:
            kept.append(node)
            needed.update(node.inputs)
    return replace(program, nodes=tuple(reversed(kept)))
