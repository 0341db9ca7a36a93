# SPDX-License-Identifier: Apache-2.0
"""The lowering in progress: the graph that is read, the program that is built, and what was already answered.

How a value is lowered depends on what feeds it, and that on what feeds it in turn.  The functions that do so live in
files of their own and ask each other three questions through this object, which answers each of them once: which
integers stand for this origin, where do the bits of this binarize point lie, and which integers are this real node in
that unit.  Who asks need not know how the answer is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch import fx

from xnorc.lower.builder import Builder
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.source import BitOfRow, Source
from xnorc.program import Kind, Tensor


@dataclass(frozen=True, eq=False)
class BitSource:
    """A binarize point as bits.

    Attributes:
        node: the point.
        tensor: the bit tensor.
        at: int64, for every flat element of the point its index in the tensor, (h, w, ch) order.
        bit_of_row: for each row of the point's table its bit; None for a tie that never occurs.
        exact: False where what is compared was rounded: a bit next to its threshold may then be another.
    """

    node: fx.Node
    tensor: Tensor
    at: np.ndarray
    bit_of_row: BitOfRow
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Answers:
    """The functions that answer; they emit what is not there yet."""

    source: Callable[[Lowering, fx.Node], Source]
    bits: Callable[[Lowering, fx.Node, BitOfRow], BitSource]
    stream: Callable[[Lowering, fx.Node, float, Kind], Source]


@dataclass(eq=False)
class Memo:
    """What was answered.

    Attributes:
        numbers: bit tensors -> the same as int8 of -1 and +1.
    """

    sources: dict[fx.Node, Source] = field(default_factory=dict)
    bits: dict[tuple[fx.Node, BitOfRow], BitSource] = field(default_factory=dict)
    streams: dict[tuple[fx.Node, float, Kind], Source] = field(default_factory=dict)
    numbers: dict[Tensor, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lowering:
    """See the module text."""

    graph: Graph
    builder: Builder
    answers: Answers
    memo: Memo = field(default_factory=Memo)

    def source(self, node: fx.Node) -> Source:
        """The integers of an origin (an input, a dot, a join) or of a concatenation."""
        made = self.memo.sources
        if node not in made:
            made[node] = self.answers.source(self, node)
        return made[node]

    def bits_of(self, node: fx.Node, bit_of_row: BitOfRow) -> BitSource:
        """The bits of a binarize point."""
        made, key = self.memo.bits, (node, bit_of_row)
        if key not in made:
            made[key] = self.answers.bits(self, node, bit_of_row)
        return made[key]

    def stream(self, node: fx.Node, unit: float, kind: Kind = Kind.I16) -> Source:
        """The integers round(node / unit), saturating.

        Args:
            node: a real node of one origin or of a concatenation; elements that are a constant 0 (padded channels)
                get `at` -1.
            unit: the real value of one integer.
        """
        made, key = self.memo.streams, (node, unit, kind)
        if key not in made:
            made[key] = self.answers.stream(self, node, unit, kind)
        return made[key]
