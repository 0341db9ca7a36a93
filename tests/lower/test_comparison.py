# SPDX-License-Identifier: Apache-2.0
"""A map compared with numbers computed from it: which side is which, and with which sign."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.lower.bare import graph_of, last
from xnorc.capture import Finite
from xnorc.lower.chain import comparison
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import short_name

SHAPE = (1, 2, 3, 3)
Function = Callable[[torch.Tensor], torch.Tensor]


def means(x: torch.Tensor) -> torch.Tensor:
    return x.mean((2, 3), keepdim=True)


def bits(condition: torch.Tensor) -> torch.Tensor:
    return torch.where(condition, 1.0, -1.0)


def found(function: Function) -> comparison.DynamicComparison | None:
    graph = graph_of(function, SHAPE)
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    return sides_of(graph, value)


def sides_of(graph: Graph, value: Finite) -> comparison.DynamicComparison | None:
    return comparison.dynamic_comparison(graph, value.src, graph.behind(value.src))


@pytest.mark.parametrize(
    ("function", "signs"),
    [
        (lambda x: bits(x >= means(x)), (1, -1)),
        (lambda x: bits(x > means(x)), (1, -1)),
        (lambda x: bits(x <= means(x)), (-1, 1)),
        (lambda x: bits(x < means(x)), (-1, 1)),
        (lambda x: bits(means(x) >= x), (-1, 1)),
        (lambda x: bits(means(x) < x), (1, -1)),
        (lambda x: torch.sign(x - means(x)), (1, -1)),
        (lambda x: torch.sign(means(x) - x), (-1, 1)),
        (lambda x: torch.sign(x + means(x)), (1, 1)),
    ],
    ids=["ge", "gt", "le", "lt", "mean ge", "mean lt", "difference", "other difference", "sum"],
)
def test_the_map_and_its_threshold_with_their_signs(function: Function, signs: tuple[int, int]) -> None:
    made = found(function)
    assert made is not None
    assert short_name(made.threshold) == "mean"
    assert made.compared.op == "placeholder"
    assert (made.compared_sign, made.threshold_sign) == signs


@pytest.mark.parametrize(
    "function",
    [
        lambda x: bits(x >= x.mean(3, keepdim=True)),
        lambda x: bits(x >= 0.25),
        lambda x: bits(means(x).expand(-1, -1, 3, 3) >= 0.25),
        lambda x: torch.sign(torch.add(x, means(x), alpha=2)),
    ],
    ids=["a threshold a row", "a constant", "a vector", "alpha"],
)
def test_other_points_are_none_of_these(function: Function) -> None:
    assert found(function) is None
