# SPDX-License-Identifier: Apache-2.0
"""A lowering with nothing lowered yet: for tests of one function, handed its arguments by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from xnorc.capture import capture
from xnorc.lower.builder import Builder
from xnorc.lower.graph.graph import Graph, read_graph
from xnorc.lower.graph.ops import short_name
from xnorc.lower.graph.source import BitOfRow, Source, canonical, program_shape
from xnorc.lower.lowering import Answers, BitSource, Lowering
from xnorc.options import Options
from xnorc.program import Kind, Tensor


class Body(nn.Module):
    """A network of one function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def graph_of(net: nn.Module | Callable[[Any], Any], shape: tuple[int, ...], **options: Any) -> Graph:
    """A network, or a function of one tensor, as captured on an example of `shape`."""
    module = net if isinstance(net, nn.Module) else Body(net)
    example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return read_graph(capture(module.eval(), example, tie=options.get("tie")), Options(**options))


def node(graph: Graph, name: str, nth: int = 0) -> fx.Node:
    """The n-th node of an operation, in graph order."""
    return [n for n in graph.captured.graph.graph.nodes if n.op == "call_function" and short_name(n) == name][nth]


def last(graph: Graph) -> fx.Node:
    """What the network returns."""
    return graph.captured.logits


def lowering_of(graph: Graph, image: Tensor | None = None) -> Lowering:
    """Nothing can be asked of it: what the function under test needs is handed to it."""

    def source(lowering: Lowering, asked: fx.Node) -> Source:
        raise AssertionError(f"asked for {asked}")

    def bits(lowering: Lowering, asked: fx.Node, bit_of_row: BitOfRow) -> BitSource:
        raise AssertionError(f"asked for {asked}")

    def stream(lowering: Lowering, asked: fx.Node, unit: float, kind: Kind) -> Source:
        raise AssertionError(f"asked for {asked}")

    shape = program_shape(tuple(graph.captured.example.shape))
    return Lowering(graph, Builder(image or Tensor("image", shape, Kind.U8)), Answers(source, bits, stream))


def whole_numbers(node: fx.Node, tensor: Tensor, low: int, high: int) -> Source:
    """A source that means its own integers."""
    shape = tuple(node.meta["val"].shape)
    size = int(np.prod(shape))
    return Source(
        node=node, tensor=tensor, at=canonical(shape), scale=np.ones(size), offset=np.zeros(size),
        low=np.full(size, low), high=np.full(size, high), noise=np.zeros(size),
    )  # fmt: skip


def values_of(lowering: Lowering, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run what was emitted on arrays (1, h, w, ch), one for each tensor that was given by hand."""
    values = dict(given)
    for made in lowering.builder.nodes:
        values[made.output.name] = made.run(*(values[name] for name in made.inputs))
    return values
