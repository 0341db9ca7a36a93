# SPDX-License-Identifier: Apache-2.0
"""Chains cut into blocks that integer nodes know, told by their answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.bare import graph_of, last, node, whole_numbers
from tests.lower.nets import images
from xnorc.errors import LowerError
from xnorc.lower.chain.block_kinds import AffineBlock, Block, ClampBlock, PReluBlock, TableBlock
from xnorc.lower.chain.blocks import affine, blocks, cuts
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import shape_of, short_name
from xnorc.lower.graph.source import Source
from xnorc.program import Kind, Tensor

MAP, VECTOR = (1, 2, 3, 3), (1, 4)


def chain_of(
    function: nn.Module | Callable[[torch.Tensor], torch.Tensor], shape: tuple[int, ...]
) -> tuple[Graph, Chain, Source]:
    """The chain from the image, which counts whole numbers within +-100, to the end."""
    graph = graph_of(function, shape, calibration=images(shape, 4), mean=(0.5,), std=(0.125,))  # real values in -4..4
    end = last(graph)
    chain = Chain(graph, end, np.arange(int(np.prod(shape_of(end)))), [graph.input])
    return graph, chain, whole_numbers(graph.input, Tensor("q", (3, 3, 2), Kind.I16), -100, 100)


def blocks_of(function: nn.Module | Callable[[torch.Tensor], torch.Tensor], shape: tuple[int, ...]) -> list[Block]:
    found = blocks(*chain_of(function, shape))
    assert not isinstance(found, LowerError), found
    return found


def test_affine_neighbours_are_one_block() -> None:
    (block,) = blocks_of(lambda x: ((x * 2 + 1) * -0.5).flip(3) - 3, MAP)
    assert isinstance(block, AffineBlock)
    np.testing.assert_allclose(block.slope, -1, rtol=1e-6)
    np.testing.assert_allclose(block.offset, -3.5, rtol=1e-6)


def test_affine_factors_are_those_of_each_channel_where_it_was_moved_to() -> None:
    norm = nn.BatchNorm2d(2, eps=0.0)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -3.0]))
        norm.bias.copy_(torch.tensor([0.5, 0.25]))
    (block,) = blocks_of(nn.Sequential(norm, nn.Flatten()), MAP)
    assert isinstance(block, AffineBlock)
    np.testing.assert_allclose(block.slope, np.repeat([2.0, -3.0], 9), rtol=1e-6)
    np.testing.assert_allclose(block.offset, np.repeat([0.5, 0.25], 9), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (F.relu, 0.0, np.inf),
        (F.hardtanh, -1.0, 1.0),
        (F.relu6, 0.0, np.inf),  # 6 lies beyond what was calibrated: the values asked never meet it
        (lambda x: x.clamp(max=0.5), -np.inf, 0.5),
        (lambda x: torch.minimum(torch.relu(x), torch.tensor(2.0)), 0.0, 2.0),
    ],
    ids=["relu", "hardtanh", "relu6", "max", "minimum"],
)
def test_clips_are_told_by_their_ends(
    function: Callable[[torch.Tensor], torch.Tensor], low: float, high: float
) -> None:
    found = blocks_of(function, MAP)
    assert all(isinstance(block, ClampBlock) for block in found)
    ends = [(block.low, block.high) for block in found if isinstance(block, ClampBlock)]
    assert (max(low for low, _ in ends), min(high for _, high in ends)) == (low, high)


SPELLINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "leaky": lambda x: F.leaky_relu(x, 0.25),
    "where": lambda x: torch.where(x > 0, x, 0.25 * x),
    "two relus": lambda x: F.relu(x) - 0.25 * F.relu(-x),
    "maximum": lambda x: torch.maximum(x, 0.25 * x),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_prelu_is_one_however_it_is_spelled(name: str) -> None:
    (block,) = blocks_of(SPELLINGS[name], MAP)
    assert isinstance(block, PReluBlock)
    np.testing.assert_allclose(block.positive, 1, rtol=1e-6)
    np.testing.assert_allclose(block.negative, 0.25, rtol=1e-6)


def test_a_prelu_has_a_slope_for_each_channel() -> None:
    prelu = nn.PReLU(2)
    with torch.no_grad():
        prelu.weight.copy_(torch.tensor([0.5, -0.125]))
    (block,) = blocks_of(prelu, MAP)
    assert isinstance(block, PReluBlock)
    np.testing.assert_allclose(block.negative, np.repeat([0.5, -0.125], 9), rtol=1e-6)


def test_blocks_come_in_the_order_of_the_model() -> None:
    found = blocks_of(lambda x: F.leaky_relu(F.hardtanh(x * 2) + 0.5, 0.25) * 3, MAP)
    assert [type(block) for block in found] == [AffineBlock, ClampBlock, AffineBlock, PReluBlock, AffineBlock]
    assert [short_name(block.node) for block in found] == ["mul", "hardtanh", "add", "leaky_relu", "mul"]


def test_any_function_of_a_vector_is_a_table_of_it() -> None:
    (block,) = blocks_of(torch.sigmoid, VECTOR)
    assert isinstance(block, TableBlock)
    u = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(block.function(u), torch.sigmoid(torch.tensor(u, dtype=torch.float32)).double())


def test_any_other_function_of_a_map_is_the_reason_why_not() -> None:
    found = blocks(*chain_of(torch.sigmoid, MAP))
    assert isinstance(found, LowerError)
    assert "neither affine, nor a clip, nor a PReLU" in str(found)
    assert affine(*chain_of(torch.sigmoid, MAP)) is None


def test_a_line_that_bends_by_a_part_in_a_thousand_is_none() -> None:
    found = blocks(*chain_of(lambda x: x + 0.004 * torch.sin(3 * x), MAP))
    assert isinstance(found, LowerError)
    assert "neither affine, nor a clip, nor a PReLU" in str(found)


def test_without_calibration_the_reason_is_that_data_are_needed() -> None:
    graph = graph_of(lambda x: x.reciprocal() * 2, MAP)  # the image alone is bounded, its inverse is not
    start = node(graph, "reciprocal")
    chain = Chain(graph, last(graph), np.arange(18), [start])
    found = blocks(graph, chain, whole_numbers(start, Tensor("q", (3, 3, 2), Kind.I16), -9, 9))
    assert isinstance(found, LowerError)
    assert "scale needs data" in str(found)


def test_a_whole_chain_as_one_affine_function() -> None:
    graph, chain, source = chain_of(lambda x: (x * 2 + 1) * -0.5, MAP)
    found = affine(graph, chain, source)
    assert found is not None
    assert not found.plain
    np.testing.assert_allclose((found.slope, found.offset), (np.full(18, -1), np.full(18, -0.5)), rtol=1e-6)
    moved = affine(*chain_of(lambda x: x.flip(2), MAP))
    assert moved is not None
    assert moved.plain
    assert (moved.slope == 1).all()
    assert affine(*chain_of(F.relu, MAP)) is None


def test_a_chain_is_cut_where_everything_passes() -> None:
    graph, chain, source = chain_of(lambda x: F.relu(x * 2 + 1) - 0.25 * F.relu(-(x * 2 + 1)), MAP)
    names = [n.op if n is graph.input else short_name(n) for n in cuts(chain, source.node)]
    assert names[0] == "placeholder"
    assert names[-1] == "sub"
    assert "relu" not in names  # either side passes by the other
