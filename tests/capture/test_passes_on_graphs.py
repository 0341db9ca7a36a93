# SPDX-License-Identifier: Apache-2.0
"""Single passes on graphs written by hand: what they must leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import fx

from tests.capture.test_values import SHAPE, Graph
from xnorc.capture.edit import aten
from xnorc.capture.execute import run
from xnorc.capture.passes.cancel_straight_through import cancel_straight_through
from xnorc.capture.passes.erase_noise import erase_noise
from xnorc.capture.passes.fold_known import fold_known
from xnorc.capture.passes.merge_common import merge_common
from xnorc.capture.passes.pair_comparisons import pair_comparisons
from xnorc.capture.passes.work import Work

X = torch.linspace(-4, 4, 48).reshape(SHAPE)


def after(graph: Graph, end: fx.Node, *passes: Any) -> tuple[list[str], torch.Tensor]:
    """(names of the calls that are left, the result on X) once the passes have run."""
    graph.end.args = (end,)
    work = Work(graph.gm, graph.image)
    for step in passes:
        step(work)
        graph.gm.graph.eliminate_dead_code()
    (result,) = graph.end.all_input_nodes
    calls = [n.target._schema.name.removeprefix("aten::") for n in graph.gm.graph.nodes if n.op == "call_function"]
    return calls, run(graph.gm, {graph.x: X}, [result])[result]


def test_what_has_one_value_is_folded_and_what_may_be_infinite_is_not() -> None:
    graph = Graph()
    calls, result = after(graph, graph.call(aten.mul.Tensor, graph.x, 0), fold_known)
    assert calls == []
    assert not result.any()
    graph = Graph()
    infinite = graph.call(aten.maximum.default, graph.x, graph.constant(torch.tensor(torch.inf)))
    calls, result = after(graph, infinite, fold_known)
    assert calls == ["maximum"]
    assert bool(result.isinf().all())
    graph = Graph()
    three = graph.call(aten.clamp.default, graph.call(aten.sqrt.default, graph.x), 3.0, 3.0)  # or NaN
    calls, result = after(graph, graph.call(aten.mul.Tensor, three, 2.0), fold_known)
    assert calls == ["sqrt", "clamp", "mul"]
    assert torch.equal(result.isnan(), X < 0)


def test_a_table_is_folded_only_where_all_its_rows_agree() -> None:
    for last, calls_left in ((2.0, 0), (5.0, 3)):
        graph = Graph()
        sign = graph.call(aten.sign.default, graph.x)
        positive = graph.call(aten.gt.Scalar, sign, 0)
        numbers = [graph.constant(torch.tensor(value)) for value in (last, 2.0)]
        calls, result = after(graph, graph.call(aten.where.self, positive, *numbers), fold_known)
        assert len(calls) == calls_left
        assert torch.equal(result, torch.where(X > 0, last, 2.0))


@pytest.mark.parametrize("nan", [False, True])
def test_opposite_comparisons_are_one_where_nothing_is_nan(nan: bool) -> None:
    graph = Graph()
    root = graph.call(aten.sqrt.default, graph.x if nan else graph.call(aten.abs.default, graph.x))
    at_least, below = graph.call(aten.ge.Scalar, root, 1), graph.call(aten.lt.Scalar, root, 1)
    calls, result = after(graph, graph.call(aten.logical_or.default, at_least, below), pair_comparisons)
    assert ("lt" in calls) == nan
    assert bool(result.all()) != nan  # NaN is neither


def test_what_computes_something_is_not_erased() -> None:
    for target, number, erased in (
        (aten.mul.Tensor, 1, True),
        (aten.mul.Tensor, 1.0, True),
        (aten.mul.Tensor, -1, False),
        (aten.div.Tensor, -1.0, False),
        (aten.add.Tensor, 0, True),
        (aten.sub.Tensor, 1, False),
        (aten.div.Tensor, 0, False),
    ):
        graph = Graph()
        calls, result = after(graph, graph.call(target, graph.x, number), erase_noise)
        assert (calls == []) == erased
        assert torch.equal(result, target(X, number))


def test_constants_that_differ_in_the_sign_of_a_zero_stay_two() -> None:
    graph = Graph()
    signs = [graph.call(aten.copysign.Tensor, graph.x, graph.constant(torch.tensor(zero))) for zero in (0.0, -0.0)]
    calls, result = after(graph, graph.call(aten.sub.Tensor, *signs), merge_common)
    assert calls == ["copysign", "copysign", "sub"]
    assert torch.equal(result, 2 * X.abs())
    graph = Graph()
    signs = [graph.call(aten.copysign.Tensor, graph.x, graph.constant(torch.tensor(-0.0))) for _ in range(2)]
    assert after(graph, graph.call(aten.sub.Tensor, *signs), merge_common)[0] == ["copysign", "sub"]


def test_numbers_of_different_types_stay_two() -> None:
    """An integer tensor plus 1 is whole, plus 1.0 is not."""
    graph = Graph()
    whole = graph.call(aten._to_copy.default, graph.x, dtype=torch.int32)
    one, real = graph.call(aten.add.Tensor, whole, 1), graph.call(aten.add.Tensor, whole, 1.0)
    halves = [graph.call(aten.div.Tensor_mode, n, 2, rounding_mode="trunc") for n in (one, real)]
    calls, _ = after(graph, graph.call(aten.add.Tensor, *halves), merge_common)
    assert calls.count("add") == 3
    dtypes = {n.meta["val"].dtype for n in graph.gm.graph.nodes if n.target is aten.add.Tensor}
    assert dtypes == {torch.int32, torch.float32}


def straight_through(form: str) -> tuple[list[str], torch.Tensor]:
    """h = where(x >= 0, 1, -1) and c = clamp(x, -1, 1), put together."""
    graph = Graph()
    at_least = graph.call(aten.ge.Scalar, graph.x, 0)
    h = graph.call(aten.where.self, at_least, *(graph.constant(torch.tensor(v)) for v in (1.0, -1.0)))
    c = graph.call(aten.clamp.default, graph.x, -1, 1)
    if form == "(h - c) + c":
        end = graph.call(aten.add.Tensor, graph.call(aten.sub.Tensor, h, c), c)
    elif form == "c - (c - h)":
        end = graph.call(aten.sub.Tensor, c, graph.call(aten.sub.Tensor, c, h))
    elif form == "(c - h) - c":
        end = graph.call(aten.sub.Tensor, graph.call(aten.sub.Tensor, c, h), c)
    elif form == "(h - 2 c) + c":
        end = graph.call(aten.add.Tensor, graph.call(aten.sub.Tensor, h, c, alpha=2), c)
    else:
        end = graph.call(aten.sub.Tensor, graph.call(aten.sub.Tensor, h, c), c)
    return after(graph, end, cancel_straight_through)


@pytest.mark.parametrize("form", ["(h - c) + c", "c - (c - h)"])
def test_a_soft_branch_that_is_added_and_taken_away_cancels(form: str) -> None:
    calls, result = straight_through(form)
    assert calls == ["ge", "where"]
    assert torch.equal(result, torch.where(X >= 0, 1.0, -1.0))


@pytest.mark.parametrize("form", ["(c - h) - c", "(h - 2 c) + c", "(h - c) - c"])
def test_sums_that_are_not_the_hard_branch_stay(form: str) -> None:
    h, c = torch.where(X >= 0, 1.0, -1.0), X.clamp(-1, 1)
    expected = {"(c - h) - c": (c - h) - c, "(h - 2 c) + c": (h - 2 * c) + c, "(h - c) - c": (h - c) - c}[form]
    calls, result = straight_through(form)
    assert len(calls) == 5
    assert torch.equal(result, expected)
