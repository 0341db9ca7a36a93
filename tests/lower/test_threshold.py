# SPDX-License-Identifier: Apache-2.0
"""Binarize points as thresholds: ties by the user's rule, one bit of each sum, and what PyTorch's rounding decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from tests.lower.bare import graph_of, last, values_of, whole_numbers
from xnorc.capture import Finite
from xnorc.errors import LowerError
from xnorc.lower.bits.threshold import lower_threshold
from xnorc.lower.builder import Builder
from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.codes import TIE
from xnorc.lower.dots.operand import rows_to_bits
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.source import BitOfRow, Source
from xnorc.lower.layer_rows import ThresholdRow
from xnorc.lower.lowering import Answers, Lowering
from xnorc.program import Kind, Tensor

SHAPE = (1, 2, 1, 3)
Function = Callable[[torch.Tensor], torch.Tensor]


def point(graph: Graph) -> tuple[fx.Node, BitOfRow]:
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    bit_of_row = rows_to_bits(value)
    assert bit_of_row is not None
    return value.src, bit_of_row


def bits_of(
    function: Function, q: list[int], tie: int | None = None, **changes: Any
) -> tuple[list[list[int]], ThresholdRow]:
    """The bits of whole numbers q, the same at all places of a map, one list an element; and the report's row."""
    graph = graph_of(function, SHAPE, tie=tie)
    node, bit_of_row = point(graph)
    image = Tensor("image", (1, 3, 2), Kind.I16)
    source = replace(whole_numbers(graph.input, image, -9, 9), **changes)

    def of_image(lowering: Lowering, asked: fx.Node) -> Source:
        assert asked is graph.input
        return source

    unused: Any = None
    lowering = Lowering(graph, Builder(image), Answers(of_image, unused, unused))
    ((bits, elements, place),) = lower_threshold(lowering, node, (graph.input,), bit_of_row)
    assert elements.tolist() == list(range(len(elements)))
    ((row, about),) = lowering.builder.rows
    assert about is bits
    assert isinstance(row, ThresholdRow)
    got = values_of(lowering, {"image": np.array(q).reshape(-1, 1, 1, 1) + np.zeros(image.shape, np.int16)})
    return got[bits.name].reshape(len(q), -1)[:, place].T.tolist(), row


def test_bits_are_those_of_the_model_at_every_integer() -> None:
    cut = torch.tensor([2.5, -3.0]).view(1, 2, 1, 1)
    q = list(range(-9, 10))
    got, row = bits_of(lambda x: torch.where(x >= cut, 1.0, -1.0), q)
    assert got == [[int(v >= 2.5) for v in q]] * 3 + [[int(v >= -3) for v in q]] * 3
    assert (row.elements, row.sites, row.constant, row.two_flips, row.search) == (6, 2, 0, 0, "exhaustive")


@pytest.mark.parametrize("tie", [1, -1])
def test_a_tie_is_what_the_user_says(tie: int) -> None:
    q = [-1, 0, 1]
    assert bits_of(lambda x: torch.sign(x), q, tie)[0] == [[0, int(tie > 0), 1]] * 6
    assert bits_of(lambda x: torch.sign(-x), q, tie)[0] == [[1, int(tie > 0), 0]] * 6


@pytest.mark.parametrize("tie", [1, -1])
def test_the_reader_gives_the_third_row_to_the_value_of_the_rule(tie: int) -> None:
    """Of a graph whose signs were left as they are: captured without the rule."""
    graph = graph_of(lambda x: torch.sign(x) * -2, SHAPE)
    node, bit_of_row = point(graph)
    values, at = torch.tensor([[-1.0, 0.0, 1.0]]), np.arange(3)
    assert Reader(graph, node, bit_of_row)(values, at).tolist() == [[1, TIE, 0]]
    ruled = replace(graph, options=replace(graph.options, tie=tie))
    assert Reader(ruled, node, bit_of_row)(values, at).tolist() == [[1, int(tie < 0), 0]]


def test_a_reachable_tie_without_a_rule_is_refused_by_its_integer() -> None:
    with pytest.raises(LowerError, match=r"the integer 4 in channel 0 of image gives exactly 0"):
        bits_of(lambda x: torch.sign(x - 4), [0])
    odd = np.full(6, 9)  # sums of nine signs are odd
    got, _ = bits_of(lambda x: torch.sign(x - 4), [3, 5], taps=odd)
    assert got == [[0, 1]] * 6
    with pytest.raises(LowerError, match="the integer 9 in channel"):
        bits_of(lambda x: torch.sign(x - 9), [0], taps=odd)


def test_one_sum_has_one_threshold() -> None:
    cut = torch.arange(4.0).view(1, 4, 1, 1)
    with pytest.raises(LowerError, match="one sum is compared with two different thresholds"):
        bits_of(lambda x: torch.where(x.repeat(1, 2, 1, 1) >= cut, 1.0, -1.0), [0])
    same = torch.tensor([1.0, 2, 1, 2]).view(1, 4, 1, 1)
    got, _ = bits_of(lambda x: torch.where(x.repeat(1, 2, 1, 1) >= same, 1.0, -1.0), [1, 2])
    assert got == ([[1, 1]] * 3 + [[0, 1]] * 3) * 2


def test_three_flips_are_refused_and_two_are_not() -> None:
    def between(x: torch.Tensor) -> torch.Tensor:
        return torch.where((x - 1).abs() <= 3, 1.0, -1.0)

    q = list(range(-9, 10))
    got, row = bits_of(between, q)
    assert got == [[int(-2 <= v <= 4) for v in q]] * 6
    assert row.two_flips == 2
    with pytest.raises(LowerError, match=r"the bit flips 3 times as the sum grows, in channel 0, 1"):
        bits_of(lambda x: torch.where((x + 6.5) * (x - 0.5) * (x - 4.5) >= 0, 1.0, -1.0), [0])
    with pytest.raises(LowerError, match=r"the bit flips 4 times as the sum grows, in channel 0, 1"):
        bits_of(lambda x: torch.where((x.abs() - 4).abs() <= 2, 1.0, -1.0), [0])


def cut_at(level: float) -> Function:
    return lambda x: torch.where(x >= level, 1.0, -1.0)


@pytest.mark.parametrize(
    ("level", "noise", "taps", "undecided"),
    [
        (2.25, 0.125, None, 0),  # 2 and 3 are farther away than that
        (2.25, 0.25, None, 6),  # 2 + 1/4 reaches it
        (2.75, 0.125, None, 0),
        (2.75, 0.5, None, 6),  # 3 - 1/2 does not
        (2.25, 0.25, 9, 0),  # but sums of nine signs are never 2
        (2.75, 0.5, 9, 6),
        (3.0, 0.125, None, 6),  # 3 itself, less anything
        (20.0, 0.5, None, 0),  # constant
    ],
)
def test_sums_that_pytorchs_rounding_may_carry_over_a_threshold_are_counted(
    level: float, noise: float, taps: int | None, undecided: int
) -> None:
    more: dict[str, Any] = {} if taps is None else {"taps": np.full(6, taps)}
    _, row = bits_of(cut_at(level), [0], noise=np.full(6, noise), **more)
    assert row.undecided == undecided
    assert row.noise == noise
