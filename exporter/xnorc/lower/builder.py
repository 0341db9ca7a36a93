# SPDX-License-Identifier: Apache-2.0
"""The program so far: its nodes, the names taken, and what there is to tell about its tensors."""

from __future__ import annotations

import re

from xnorc.lower.layer_rows import Row
from xnorc.program import Kind, Node, Tensor


class Builder:
    """Collects the nodes of a program.

    Attributes:
        input: the tensor of the image.
        nodes: in the order of execution.
        notes: (text, the tensor it is about or None).
        rows: (row of the layer report, the tensor it is about).

    What is told about a tensor is forgotten if nothing reads that tensor: emission may turn out unneeded.
    """

    def __init__(self, image: Tensor) -> None:
        self.input = image
        self.nodes: list[Node] = []
        self.notes: list[tuple[str, Tensor | None]] = []
        self.rows: list[tuple[Row, Tensor]] = []
        self._names = {image.name}

    def tensor(self, wanted: str, shape: tuple[int, int, int], kind: Kind, scale: float | None = None) -> Tensor:
        """A new tensor of the program, whose name is a fresh C identifier close to `wanted`."""
        clean = re.sub(r"\W+", "_", wanted).strip("_") or "t"
        clean = f"t_{clean}" if clean[0].isdigit() else clean
        fresh, n = clean, 2
        while fresh in self._names:
            fresh, n = f"{clean}_{n}", n + 1
        self._names.add(fresh)
        return Tensor(fresh, shape, kind, scale)

    def emit(self, node: Node) -> Tensor:
        """Append a node; returns its output."""
        self.nodes.append(node)
        return node.output

    def note(self, text: str, about: Tensor | None = None) -> None:
        """Something that the user should know."""
        self.notes.append((text, about))

    def tell(self, row: Row, about: Tensor) -> None:
        """A row of the layer report."""
        self.rows.append((row, about))
