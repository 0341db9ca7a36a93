# SPDX-License-Identifier: Apache-2.0
"""Joins of two real nodes: sum or difference, exact where all are whole multiples of one unit that fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from tests.lower.bare import graph_of, values_of, whole_numbers
from tests.lower.nets import images
from xnorc.lower.builder import Builder
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import short_name
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Answers, Lowering
from xnorc.lower.streams.join import lower_join
from xnorc.lower.streams.stream import lower_stream
from xnorc.lower.streams.whole_numbers import whole_unit
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.add import Add

Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
A, B = Tensor("a", (1, 2, 1), Kind.I16), Tensor("b", (1, 2, 1), Kind.I16)


def joined(function: Function, reach: int = 9, **changes: Any) -> tuple[Graph, Lowering, fx.Node]:
    """A join of two pools, which stand for whole numbers within +-reach."""

    def net(x: torch.Tensor) -> torch.Tensor:
        return function(torch.max_pool2d(x[..., :3], (1, 2), 1), torch.max_pool2d(x[..., 1:], (1, 2), 1)) * 1.0

    shape = (1, 1, 1, 4)
    graph = graph_of(net, shape, calibration=images(shape, 9))
    pools = [n for n in graph.origins if short_name(n).startswith("max_pool2d")]
    sources = {
        node: replace(whole_numbers(node, tensor, -reach, reach), **changes)
        for node, tensor in zip(pools, (A, B), strict=True)
    }

    def source(_lowering: Lowering, node: fx.Node) -> Source:
        return sources[node]

    unused: Any = None
    lowering = Lowering(graph, Builder(Tensor("image", (1, 4, 1), Kind.U8)), Answers(source, unused, lower_stream))
    (join,) = (n for n in graph.origins if graph.origins[n] == (n,) and short_name(n) in ("add", "sub"))
    return graph, lowering, join


def results(lowering: Lowering, name: str, a: list[int], b: list[int]) -> list[int]:
    given = {"a": np.array(a, np.int16).reshape(1, 1, 2, 1), "b": np.array(b, np.int16).reshape(1, 1, 2, 1)}
    return [int(v) for v in values_of(lowering, given)[name].reshape(-1)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b: a + b, [8, 5]),
        (lambda a, b: a - b, [-2, -9]),
        (lambda a, b: b - a, [2, 9]),
    ],
    ids=["sum", "difference", "other difference"],
)
def test_sums_and_differences_of_whole_numbers_are_exact(function: Function, expected: list[int]) -> None:
    _, lowering, join = joined(function)
    made = lower_join(lowering, join)
    assert (made.exact, made.scale.tolist()) == (True, [1.0, 1.0])
    assert [type(n) for n in lowering.builder.nodes] == [Add]
    assert results(lowering, made.tensor.name, [3, -2], [5, 7]) == expected


def test_the_unit_is_the_greatest_that_divides_all() -> None:
    _, lowering, join = joined(lambda a, b: a * 6 + (b * 9 - 3))
    assert whole_unit(lowering, list(join.all_input_nodes)) == 3.0
    made = lower_join(lowering, join)
    assert (made.exact, made.scale.tolist()) == (True, [3.0, 3.0])
    assert results(lowering, made.tensor.name, [3, -2], [5, 7]) == [(18 + 42) // 3, (-12 + 60) // 3]


@pytest.mark.parametrize(
    "function",
    [lambda a, b: a + b * 0.5, lambda a, b: a + (b + 0.5), lambda a, b: a.abs() + b, lambda a, b: a.relu() + b],
    ids=["half", "a half more", "abs", "relu"],
)
def test_what_is_no_whole_number_is_rounded(function: Function) -> None:
    _, lowering, join = joined(function)
    assert whole_unit(lowering, list(join.all_input_nodes)) is None


@pytest.mark.parametrize(
    "changes", [{"exact": False}, {"noise": np.full(2, 1e-3)}], ids=["rounded", "a sum that PyTorch rounds"]
)
def test_whole_multiples_of_what_was_rounded_are_not_exact(changes: dict[str, Any]) -> None:
    _, lowering, join = joined(lambda a, b: a + b, **changes)
    assert whole_unit(lowering, list(join.all_input_nodes)) is None


@pytest.mark.parametrize(("reach", "exact"), [(16383, True), (16384, False)])
def test_exact_sums_fit_int16(reach: int, exact: bool) -> None:
    """Twice 16383 is 32766; twice 16384 would saturate at 32767."""
    _, lowering, join = joined(lambda a, b: a + b, reach)
    assert whole_unit(lowering, list(join.all_input_nodes)) == (1.0 if exact else None)
