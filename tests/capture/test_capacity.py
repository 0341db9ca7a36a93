# SPDX-License-Identifier: Apache-2.0
"""How much a table holds, how large whole numbers may get, and what bounds must leave room for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import fx

from tests.capture.test_values import SHAPE, Graph
from xnorc.capture.edit import aten
from xnorc.capture.execute import run
from xnorc.capture.operations import Call, operation
from xnorc.capture.values import Finite, Range, bounds


@pytest.mark.parametrize(("most", "few"), [(7, True), (8, False)])
def test_whole_numbers_up_to_eight_are_a_table(most: int, few: bool) -> None:
    graph = Graph(0.0, float(most))
    value = graph.value(aten.floor.default, graph.x)
    assert isinstance(value, Finite) == few
    assert bounds(value) == Range(0.0, float(most), integer=True)


@pytest.mark.parametrize(("most", "few"), [(7, True), (8, False)])
def test_levels_of_a_quantizer_up_to_eight_are_a_table(most: int, few: bool) -> None:
    graph = Graph(-100.0, 100.0)
    with graph.gm.graph.inserting_before(graph.end):  # it has no kernel for tensors without storage
        node = graph.gm.graph.call_function(aten.fake_quantize_per_tensor_affine.default, (graph.x, 0.5, 0, 0, most))
    node.meta["val"] = graph.x.meta["val"]
    value = graph.values()[node]
    assert isinstance(value, Finite) == few
    if isinstance(value, Finite):
        assert sorted(float(v) for v in value.vals) == [0.5 * k for k in range(most + 1)]


def chosen(graph: Graph, values: int, start: int) -> fx.Node:
    """0, 1, ... values - 1, by comparisons of its own."""
    shifted = graph.call(aten.add.Tensor, graph.x, float(start))
    return graph.call(aten.clamp.default, graph.call(aten.floor.default, shifted), 0, values - 1)


@pytest.mark.parametrize(("first", "second", "few"), [(4, 5, True), (5, 5, False)])
def test_sums_of_two_tables_up_to_eight_values_are_a_table(first: int, second: int, few: bool) -> None:
    graph = Graph()
    value = graph.value(aten.add.Tensor, chosen(graph, first, 0), chosen(graph, second, 1))
    assert isinstance(value, Finite) == few
    assert bounds(value) == Range(0.0, float(first + second - 2), integer=True)


@pytest.mark.parametrize(("second", "few"), [(4, True), (5, False)])
def test_products_of_32_rows_are_looked_at(second: int, few: bool) -> None:
    """A choice between tables of four and of so many: 2 * 4 * 4 rows, of which few are different; 40 are given up."""
    graph = Graph(-4.0, 10.0)
    positive = graph.call(aten.ge.Scalar, graph.x, 0)
    value = graph.value(aten.where.self, positive, chosen(graph, 4, 0), chosen(graph, second, 1))
    assert isinstance(value, Finite) == few
    assert bounds(value) == Range(0.0, float(max(4, second) - 1), integer=True)


@pytest.mark.parametrize(("factor", "whole"), [(2.0**22, True), (2.0**22 + 1, False)])
def test_whole_floats_are_exact_up_to_the_significand(factor: float, whole: bool) -> None:
    """4 times 2^22 is 2^24, the last of all whole float32."""
    graph = Graph(-4.0, 4.0, integer=True)
    value = graph.value(aten.mul.Tensor, graph.x, factor)
    assert bounds(value).integer == whole


@pytest.mark.parametrize(("weight", "whole"), [(2.0**18 - 1, True), (2.0**18, False)])
def test_whole_sums_of_products_are_exact_below_the_significand(weight: float, whole: bool) -> None:
    """16 products of at most 4: 64 (2^18 - 1) < 2^24."""
    graph = Graph(-4.0, 4.0, integer=True)
    rows = graph.call(aten.reshape.default, graph.x, [3, 16])
    value = graph.value(aten.linear.default, rows, graph.constant(torch.full((2, 16), weight)))
    found = bounds(value)
    assert found.integer == whole
    assert (found.hi == 64 * weight) == whole
    assert found.hi >= 64 * weight


def held(graph: Graph, node: fx.Node, x: torch.Tensor) -> None:
    within, result = bounds(graph.values()[node]), run(graph.gm, {graph.x: x}, [node])[node]
    assert within.finite
    assert within.lo <= float(result.min())
    assert float(result.max()) <= within.hi


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_sums_at_a_padded_border_hold_fewer_products(way: float) -> None:
    graph = Graph(1.0, 2.0)
    weight = graph.constant(torch.full((1, 3, 3, 3), way))
    node = graph.call(aten.conv2d.default, graph.x, weight, None, [1, 1], [1, 1])
    held(graph, node, torch.ones(SHAPE))
    held(graph, node, torch.full(SHAPE, 2.0))


def test_a_norm_whose_terms_cancel_has_room_for_their_rounding() -> None:
    """(x - m) s + b and x s + (b - m s) differ by what their large terms round off."""
    graph = Graph(1000.0, 1001.0)
    numbers: list[Any] = [torch.full((3,), v) for v in (7.3, -7305.1, 0.13, 0.77)]
    node = graph.call(aten.batch_norm.default, graph.x, *map(graph.constant, numbers), False, 0.1, 1e-5, False)
    scale = numbers[0] / (numbers[3] + 1e-5).sqrt()
    folded = numbers[1] - numbers[2] * scale
    within = bounds(graph.values()[node])
    for x in (1000.0, 1000.3, 1001.0):
        for result in (x * scale + folded, (x - numbers[2]) * scale + numbers[1]):
            assert within.lo <= float(result[0]) <= within.hi
        exact = (x - 0.13) * 7.3 / (0.77 + 1e-5) ** 0.5 - 7305.1
        assert within.lo <= exact <= within.hi


@pytest.mark.parametrize(("variance", "eps", "holds"), [(0.0, 0.0, False), (1e-6, 0.0, True), (0.0, 1e-6, True)])
def test_a_norm_without_variance_is_no_scale(variance: float, eps: float, holds: bool) -> None:
    graph = Graph()
    numbers = [graph.constant(torch.full((3,), v)) for v in (1.0, 0.5, 0.0, variance)]
    node = graph.call(aten.batch_norm.default, graph.x, *numbers, False, 0.1, eps, False)
    row = operation(node)
    assert row is not None
    assert row.is_monotone(Call(node, graph.values()), "input") == holds


def test_a_tie_stays_a_tie_behind_a_max_pool() -> None:
    graph = Graph()
    sign = graph.call(aten.sign.default, graph.x)
    value = graph.value(aten.max_pool2d.default, sign, [2, 2])
    assert isinstance(value, Finite)
    assert value.tie is not None
    assert [float(v) for v in value.vals] == [-1.0, 0.0, 1.0]
    assert float(value.vals[value.tie]) == 0.0


def test_rows_that_cross_are_sorted_behind_a_max_pool() -> None:
    """Channels of either sign: the greater of two values is the second row in each."""
    graph = Graph()
    at_least = graph.call(aten.ge.Scalar, graph.x, 0)
    two = graph.call(aten.where.self, at_least, *(graph.constant(torch.tensor(v)) for v in (1.0, -1.0)))
    scaled = graph.call(aten.mul.Tensor, two, graph.constant(torch.tensor([1.0, -2.0, 3.0]).view(1, 3, 1, 1)))
    value = graph.value(aten.max_pool2d.default, scaled, [2, 2])
    assert isinstance(value, Finite)
    low, high = (v.reshape(-1).tolist() for v in value.vals)
    assert (low, high) == ([-1.0, -2.0, -3.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("target", [aten.abs.default, aten.square.default])
def test_whole_numbers_on_both_sides_of_zero_turn_there(target: Any) -> None:
    graph = Graph(-100.0, 90.0)
    whole = graph.call(aten._to_copy.default, graph.x, dtype=torch.int32)
    assert bounds(graph.value(target, whole)).lo == 0.0
