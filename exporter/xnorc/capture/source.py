# SPDX-License-Identifier: Apache-2.0
"""Where a node comes from in the user's own files: one line of text from the graph's metadata."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import fx

import xnorc

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in [^\n]*(?:\n(?P<text>[^\n]*))?')
_OURS = tuple(str(Path(module.__file__).parent) + "/" for module in (torch, xnorc) if module.__file__)


def is_users(file: str) -> bool:
    """True for a file that is neither torch's nor ours nor Python's own."""
    return not file.startswith(_OURS) and "<frozen" not in file and file != "<string>"


def module_path(node: fx.Node) -> str:
    """The dotted path of the module a node was traced in; empty for the root."""
    stack = node.meta.get("nn_module_stack") or {}
    return list(stack.values())[-1][0].removeprefix("L['self'].") if stack else ""


def where(node: fx.Node) -> str:
    """``file:line `source text` in module.path`` of a node.

    The frame is the innermost one whose file is neither torch's nor ours; the node's name stands in where no trace
    was kept.
    """
    place = node.name
    for frame in reversed(list(_FRAME.finditer(node.meta.get("stack_trace") or ""))):
        if is_users(frame["file"]):
            text = (frame["text"] or "").strip()
            place = f"{frame['file']}:{frame['line']}" + (f" `{text}`" if text else "")
            break
    path = module_path(node)
    return f"{place} in {path}" if path else place


def op_name(node: fx.Node) -> str:
    """`aten.conv2d.default` and the like; `input`, `constant` for the others."""
    if node.op == "call_function":
        return str(node.target)
    return {"placeholder": "input", "get_attr": "constant"}.get(node.op, node.op)
