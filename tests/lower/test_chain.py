# SPDX-License-Identifier: Apache-2.0
"""Chains: which entry each element has, which elements ask the same question, and the values themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F

from tests.lower.bare import graph_of, last, node
from xnorc.errors import LowerError
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import shape_of


def whole(graph: Graph, stops: list[fx.Node], end: fx.Node | None = None) -> Chain:
    end = last(graph) if end is None else end
    return Chain(graph, end, np.arange(int(np.prod(shape_of(end)))), stops)


def one_class(graph: Graph, stops: list[fx.Node]) -> list[np.ndarray]:
    """All elements of each stop alike."""
    return [np.zeros(int(np.prod(shape_of(stop))), np.int64) for stop in stops]


class Scaled(nn.Module):
    """x times a constant of its own shape."""

    scale: torch.Tensor

    def __init__(self, scale: torch.Tensor):
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


def test_elements_that_meet_the_same_constants_are_one_class_numbered_as_they_appear() -> None:
    graph = graph_of(Scaled(torch.tensor([3.0, 0.5, 3.0]).view(1, 3, 1, 1)), (1, 3, 2, 2))
    chain = whole(graph, [graph.input])
    classes, first = chain.classes(one_class(graph, [graph.input]))
    assert classes.tolist() == [0] * 4 + [1] * 4 + [0] * 4
    assert first.tolist() == [0, 4]


def test_a_tile_is_found_without_being_looked_for() -> None:
    tile = torch.tensor([[0.1, 0.2], [0.3, 0.4]]).repeat(2, 2)
    graph = graph_of(Scaled(tile.view(1, 1, 4, 4)), (1, 1, 4, 4))
    classes, _ = whole(graph, [graph.input]).classes(one_class(graph, [graph.input]))
    assert classes.reshape(4, 4).tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]] * 2


def test_entries_of_unlike_classes_are_told_apart() -> None:
    graph = graph_of(Scaled(torch.tensor(2.0)), (1, 2, 1, 2))
    chain = whole(graph, [graph.input])
    assert chain.classes([np.array([7, 7, 3, 7])])[0].tolist() == [0, 0, 1, 0]
    assert chain.classes([np.arange(4)])[0].tolist() == [0, 1, 2, 3]


class Signed(Scaled):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.copysign(x, self.scale)


def test_the_sign_of_zero_is_part_of_a_constant() -> None:
    graph = graph_of(Signed(torch.tensor([0.0, -0.0, 0.0]).view(1, 3, 1, 1)), (1, 3, 1, 1))
    chain = whole(graph, [graph.input])
    assert chain.classes(one_class(graph, [graph.input]))[0].tolist() == [0, 1, 0]
    assert chain(torch.ones(1, 3)).tolist() == [[1, -1, 1]]


def test_pads_have_no_entry_and_are_a_class_of_their_own() -> None:
    graph = graph_of(lambda x: F.pad(x, (1, 0, 0, 1), value=0.25) * 2, (1, 1, 1, 2))
    chain = whole(graph, [graph.input])
    assert chain.entry.reshape(2, 3).tolist() == [[-1, 0, 0], [-1, -1, -1]]
    assert chain.entry_at.reshape(2, 3).tolist() == [[-1, 0, 1], [-1, -1, -1]]
    assert chain.classes(one_class(graph, [graph.input]))[0].reshape(2, 3).tolist() == [[0, 1, 1], [0, 0, 0]]
    assert chain(torch.full((1, 6), 3.0)).reshape(2, 3).tolist() == [[0.5, 6, 6], [0.5, 0.5, 0.5]]


def test_pads_of_two_values_are_two_classes() -> None:
    graph = graph_of(lambda x: F.pad(F.pad(x, (1, 0), value=0.25), (1, 0), value=0.75) * 2, (1, 1, 1, 2))
    chain = whole(graph, [graph.input])
    assert chain.entry.tolist() == [-1, -1, 0, 0]
    assert chain.classes(one_class(graph, [graph.input]))[0].tolist() == [0, 1, 2, 2]
    assert chain(torch.full((1, 4), 3.0)).tolist() == [[1.5, 0.5, 6, 6]]


def test_parts_of_a_concatenation_enter_at_their_own_stop() -> None:
    graph = graph_of(lambda x: torch.cat([x.abs(), x.exp()], 1) + 1, (1, 1, 1, 2))
    stops = [node(graph, "abs"), node(graph, "exp")]
    chain = whole(graph, stops)
    assert chain.entry.tolist() == [0, 0, 1, 1]
    assert chain.entry_at.tolist() == [0, 1, 0, 1]
    assert chain.classes(one_class(graph, stops))[0].tolist() == [0, 0, 1, 1]
    assert chain.classes([np.array([0, 0]), np.array([0, 5])])[0].tolist() == [0, 0, 1, 2]
    assert chain(torch.tensor([[1.0, 2, 3, 4], [0, 0, 0, 0]])).tolist() == [[2, 3, 4, 5], [1, 1, 1, 1]]


MOVES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "flip": lambda x: x.flip(2),
    "roll": lambda x: x.roll(1, 3),
    "transpose": lambda x: x.transpose(2, 3),
    "every second": lambda x: x[:, :, ::2, 1::2],
    "shuffle": lambda x: x.view(1, 2, 2, 3, 4).transpose(1, 2).reshape(1, 4, 3, 4),
    "mirrored": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "replicated": lambda x: F.pad(x, (2, 0, 0, 1), mode="replicate"),
    "flattened": lambda x: x.flatten(1),
    "split": lambda x: x.chunk(2, 1)[1],
    "repeated": lambda x: x.repeat(1, 1, 2, 1),
    "expanded": lambda x: x[:, :, :1].expand(-1, -1, 5, -1),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves_are_followed_to_the_element_that_was_moved(name: str) -> None:
    graph = graph_of(lambda x: MOVES[name](x) * 2, (1, 4, 3, 4))
    chain = whole(graph, [graph.input])
    numbers = torch.arange(48.0).view(1, 4, 3, 4)
    assert chain.entry_at.tolist() == MOVES[name](numbers).reshape(-1).long().tolist()
    assert chain(torch.from_numpy(chain.entry_at).double()[None]).tolist() == [(2 * chain.entry_at).tolist()]


def test_a_chain_gives_what_the_model_gives() -> None:
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.randn(3, generator=torch.Generator().manual_seed(1)))
    prelu = nn.PReLU(3, 0.1)
    net = nn.Sequential(norm, prelu, nn.Hardtanh(-0.5, 0.75), nn.Flatten())
    graph = graph_of(net, (1, 3, 4, 4))
    chain = whole(graph, [graph.input])
    x = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(chain(x.reshape(6, -1)[:, torch.from_numpy(chain.entry_at)]), net(x))


def test_some_sites_of_a_chain_are_the_chain_of_these_sites() -> None:
    graph = graph_of(Scaled(torch.arange(1.0, 7).view(1, 6, 1, 1)), (1, 6, 1, 1))
    small = whole(graph, [graph.input]).at_sites(np.array([5, 1]))
    assert small.entry_at.tolist() == [5, 1]
    assert small(torch.tensor([[10.0, 10.0]])).tolist() == [[60, 20]]


def test_an_element_of_two_elements_is_no_chain() -> None:
    graph = graph_of(lambda x: x + x.flip(3), (1, 1, 1, 2))
    found = Chain.tried(graph, last(graph), np.arange(2), [graph.input])
    assert isinstance(found, LowerError)
    assert "depends on two elements of a map" in str(found)
    with pytest.raises(LowerError, match="depends on two elements of a map"):
        whole(graph, [graph.input])
    # The middle of an odd flip reads one element twice, which is one element.
    odd = graph_of(lambda x: x + x.flip(3), (1, 1, 1, 3))
    assert isinstance(Chain.tried(odd, last(odd), np.array([1]), [odd.input]), Chain)
    assert isinstance(Chain.tried(odd, last(odd), np.arange(3), [odd.input]), LowerError)  # the ends read two


def test_an_operation_over_many_elements_is_no_chain() -> None:
    graph = graph_of(lambda x: x.softmax(1) * 2, (1, 3, 1, 1))
    found = Chain.tried(graph, last(graph), np.arange(3), [graph.input])
    assert isinstance(found, LowerError)
    assert "is not elementwise" in str(found)


def test_a_scalar_weighs_less_than_a_tensor_in_the_chain_too() -> None:
    """float32 times a float64 scalar is float32: the rounding is the model's."""
    graph = graph_of(Scaled(torch.tensor(0.1, dtype=torch.float64)), (1, 1, 1, 5))
    chain = whole(graph, [graph.input])
    x = torch.tensor([[0.3, 0.7, 1.1, 1.3, 1.7]])
    assert chain(x).dtype is torch.float32
    assert torch.equal(chain(x), x * torch.tensor(0.1, dtype=torch.float64))
    assert not torch.equal(chain(x).double(), x.double() * 0.1)
