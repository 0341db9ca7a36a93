# SPDX-License-Identifier: Apache-2.0
"""The lowering in progress: the captured graph on one side, the nodes made so far on the other.

How a value is lowered depends on what feeds it, and that on what feeds it in turn; the functions that do so live
in files of their own and reach each other through this object, which remembers what was made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import fx

from xnorc.capture import Captured, module_path
from xnorc.errors import LowerError
from xnorc.lower.graph.origins import Origins, find_origins, origin_of_arguments
from xnorc.lower.graph.positive_factors import positive_factors
from xnorc.lower.graph.scales import Scales
from xnorc.lower.graph.source import Source
from xnorc.options import Options
from xnorc.program import Kind, Node, Tensor


@dataclass(frozen=True, eq=False)
class Bits:
    """A binarize point as bits.

    Attributes:
        node: the point.
        tensor: the bit tensor.
        at: int64, for every flat element of the point its index in the tensor, (h, w, ch) order.
        bit_of_row: for each row of the point's table its bit; None for a tie that never occurs.
    """

    node: fx.Node
    tensor: Tensor
    at: np.ndarray
    bit_of_row: tuple[int | None, ...]


@dataclass(eq=False)
class Lowering:
    """See the module text."""

    captured: Captured
    options: Options
    make_source: Callable[[Lowering, fx.Node], Source]
    make_bits: Callable[[Lowering, fx.Node, tuple[int | None, ...]], Bits]
    input: Tensor
    nodes: list[Node] = field(default_factory=list)
    notes: list[tuple[str, Tensor | None]] = field(default_factory=list)  # (text, the tensor it is about)
    report: list[dict[str, Any]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    sources: dict[fx.Node, Source] = field(default_factory=dict)
    bits: dict[tuple[fx.Node, tuple[int | None, ...]], Bits] = field(default_factory=dict)
    known: Origins = field(default_factory=dict)
    points: set[fx.Node] = field(default_factory=set)  # origins that are bits
    transparent: dict[fx.Node, fx.Node] = field(
        default_factory=dict
    )  # positive factors ahead of a sign -> the other factor
    unpacked: dict[Tensor, Tensor] = field(default_factory=dict)  # bits -> the same as int8
    streams: dict[tuple[fx.Node, float, Kind], Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.transparent = positive_factors(self.captured)
        self.known, self.points = find_origins(self.captured, self.transparent)
        self.scales = Scales(self.captured, self.options, self.known)
        self.names.add(self.input.name)

    @property
    def values(self) -> dict[fx.Node, Any]:
        """What capture knows of every node."""
        return self.captured.values

    def note(self, text: str, about: Tensor | None = None) -> None:
        """Something that the user should know; forgotten if nothing reads the tensor that it is `about`."""
        self.notes.append((text, about))

    def readers(self, node: fx.Node) -> list[fx.Node]:
        """The origins that an origin's values go to."""
        return [
            other
            for other in self.known
            if self.known[other] == (other,)
            and other is not node
            and node in origin_of_arguments(other, self.known, self.transparent)
        ]

    def source(self, node: fx.Node) -> Source:
        """The integers of an origin (an input, a dot, a stream), made on first use."""
        if node not in self.sources:
            self.sources[node] = self.make_source(self, node)
        return self.sources[node]

    def bits_of(self, node: fx.Node, bit_of_row: tuple[int | None, ...]) -> Bits:
        """The bits of a binarize point, made on first use."""
        key = (node, bit_of_row)
        if key not in self.bits:
            self.bits[key] = self.make_bits(self, node, bit_of_row)
        return self.bits[key]

    def refuse(self, node: fx.Node, what: str, hint: str = "") -> LowerError:
        """The error to raise about a node."""
        return LowerError(self.captured.where(node), what, hint)

    def layer(self, node: fx.Node) -> str:
        """The module path of a node, as program nodes carry it."""
        return module_path(node) or node.name

    def name(self, wanted: str) -> str:
        """A fresh C identifier close to `wanted`."""
        clean = re.sub(r"\W+", "_", wanted).strip("_") or "t"
        clean = f"t_{clean}" if clean[0].isdigit() else clean
        fresh, n = clean, 2
        while fresh in self.names:
            fresh, n = f"{clean}_{n}", n + 1
        self.names.add(fresh)
        return fresh

    def tensor(self, wanted: str, shape: tuple[int, int, int], kind: Kind, scale: float | None = None) -> Tensor:
        """A new tensor of the program."""
        return Tensor(self.name(wanted), shape, kind, scale)

    def emit(self, node: Node) -> Tensor:
        """Append a node; returns its output."""
        self.nodes.append(node)
        return node.output
