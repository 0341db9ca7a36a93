# SPDX-License-Identifier: Apache-2.0
"""The result of capturing: a folded float graph in normal form, a value per node, and the proofs that made it so."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import fx

from xnorc.capture.eager import Eager
from xnorc.capture.source import where
from xnorc.capture.values import Finite, Value


@dataclass(frozen=True, eq=False)
class BinarizePoint:
    """A node that chooses among few values and reaches a dot.

    Attributes:
        node: the source (`values[node].src is node`): a sign, a comparison, a rounded clamp, an argmax, ...
        kind: `"binarize"`, or what recombines bits without making new ones: `"pool"` (a max pool of bits), `"join"`
            (cat or an op on two sources).
        codes: what the node itself can be, one row each; as in `Finite.codes`.
        tie: the row that means "sign(0)" while it is distinct at some dot, else None: whether the tie is reachable is
            for the threshold search to say.
        dots: the conv2d, linear and bmm nodes it reaches.
    """

    node: fx.Node
    kind: str
    codes: tuple[torch.Tensor, ...]
    tie: int | None
    dots: tuple[fx.Node, ...]


@dataclass(frozen=True, eq=False)
class Captured:
    """A network as a graph of ATen operations.

    Attributes:
        graph: normal form: one placeholder (the image, shape of `example`, batch 1), one output (the logits).  Nodes
            are `placeholder`, `get_attr` (a constant tensor of the module), `call_function` of ATen overloads, and
            `output` whose only argument is the logits' node.  No mutation, no dead node, no tuple-valued node, nothing
            constant left to compute.  `meta["val"]` of each node is a meta tensor with its shape and dtype.
        values: what is known of every node but the output.
        example: the example input, as captured.
        points: nodes that became a source and reach a dot, in graph order.
        proofs: one line for each straight-through form that was cancelled: where, and why that is allowed.
        notes: one line for each assumption and anything else a user should see.
        eager: the network as it was given, to judge by; None where a graph was built by hand.
        moved: passes that changed the logits of some input and may (a cancellation with a bound, a tie rule); empty
            where the graph's logits equal the network's in every bit.
    """

    graph: fx.GraphModule
    values: dict[fx.Node, Value]
    example: torch.Tensor
    points: tuple[BinarizePoint, ...]
    proofs: tuple[str, ...]
    notes: tuple[str, ...]
    eager: Eager | None = None
    moved: tuple[str, ...] = ()

    @property
    def input(self) -> fx.Node:
        """The placeholder."""
        return next(n for n in self.graph.graph.nodes if n.op == "placeholder")

    @property
    def logits(self) -> fx.Node:
        """The node whose result is returned."""
        node = self.graph.graph.output_node().args[0]
        assert isinstance(node, fx.Node)
        return node

    def where(self, node: fx.Node) -> str:
        """``file:line `source text` in module.path`` of a node, see `xnorc.capture.source.where`."""
        return where(node)

    def finite(self, node: fx.Node) -> Finite | None:
        """The table of a node, or None."""
        value = self.values.get(node)
        return value if isinstance(value, Finite) else None
