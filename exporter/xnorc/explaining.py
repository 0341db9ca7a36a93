# SPDX-License-Identifier: Apache-2.0
"""`--explain`: the graph and the program after every pass, one text file each, made to be read and to be compared.

Files are numbered in the order of the passes, so that `diff` of two neighbours shows what a pass did.  Passes that
changed nothing leave no file.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import fx

from xnorc.capture import Captured, Const, Finite, Range, Value, op_name, where
from xnorc.errors import DataError
from xnorc.program import Program


class Stages:
    """Keeps the text of each stage and writes them all at the end, also where an error ends the export.

    Args:
        folder: where to; None keeps nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.texts: list[tuple[str, str]] = []

    def __enter__(self) -> Stages:
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise DataError(str(self.folder), "is no folder", "a folder for --explain")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if error is not None:
            self._keep("stopped.txt", f"{type(error).__name__}: {error}\n")
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob("[0-9][0-9]-*.txt"):
                old.unlink()
            for number, (name, text) in enumerate(self.texts):
                (self.folder / f"{number:02}-{name}").write_text(text, encoding="utf-8")
        except OSError as failed:
            raise DataError(str(self.folder), f"cannot be written: {failed.strerror}", "a writable folder") from error

    def graph(self, name: str, gm: fx.GraphModule) -> None:
        """The graph after the pass of that name."""
        if self.folder is not None:
            self._keep(f"graph-{name}.txt", graph_text(gm))

    def values(self, captured: Captured) -> None:
        """The graph in normal form, with what is known of each node."""
        if self.folder is not None:
            self._keep("graph-with-values.txt", graph_text(captured.graph, captured.values))

    def program(self, name: str, program: Program) -> None:
        """The program after the pass of that name."""
        if self.folder is not None:
            self._keep(f"program-{name}.txt", program.dump())

    def _keep(self, name: str, text: str) -> None:
        kind = name.partition("-")[0]
        before = next((held for other, held in reversed(self.texts) if other.partition("-")[0] == kind), None)
        if text != before:
            self.texts.append((name, text))


def graph_text(gm: fx.GraphModule, values: dict[fx.Node, Value] | None = None) -> str:
    """One line a node: name, dtype and shape, call; then what is known of it, and the line of the model."""
    lines = []
    for node in gm.graph.nodes:
        if node.op == "output":
            lines.append(f"return {node.args[0]}")
            continue
        held = node.meta.get("val")
        kind = _tensor(held) if isinstance(held, torch.Tensor) else "tuple"
        call = op_name(node)
        if node.op == "call_function":
            arguments = [_argument(a) for a in node.args] + [f"{k}={_argument(v)}" for k, v in node.kwargs.items()]
            call += f"({', '.join(arguments)})"
        elif node.op == "get_attr":
            call += f" {node.meta.get('origin', node.target)}"
        known = "" if values is None or node not in values else f"  {_known(values[node])}"
        place = f"  # {where(node)}" if node.op == "call_function" else ""
        lines.append(f"{node.name}: {kind} = {call}{known}{place}")
    return "\n".join(lines) + "\n"


def _tensor(value: torch.Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}[{', '.join(map(str, value.shape))}]"


def _argument(value: Any) -> str:
    if isinstance(value, fx.Node):
        return value.name
    return f"[{', '.join(map(_argument, value))}]" if isinstance(value, list | tuple) else str(value)


def _known(value: Value) -> str:
    if isinstance(value, Const):
        return "constant"
    if isinstance(value, Finite):
        rows = [f"{float(row):g}" if row.ndim == 0 else f"{_tensor(row)}" for row in value.vals]
        return f"one of {{{', '.join(rows)}}} by {value.src.name}"
    assert isinstance(value, Range)
    return f"within [{value.lo:g}, {value.hi:g}]{' whole' if value.integer else ''}{' or nan' if value.nan else ''}"
