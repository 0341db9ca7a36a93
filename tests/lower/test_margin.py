# SPDX-License-Identifier: Apache-2.0
"""Where the bit of a real margin flips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import fx, nn

from tests.lower.bare import graph_of, last, node
from tests.lower.nets import images
from xnorc.capture import Finite
from xnorc.errors import LowerError
from xnorc.lower.bits.margin import Margin, margin
from xnorc.lower.dots.operand import rows_to_bits
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.source import BitOfRow

SHAPE = (1, 2, 2, 2)


def point(graph: Graph) -> tuple[fx.Node, BitOfRow]:
    """The binarize point behind the result, and its bits: 1 where the result is the greater."""
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    bit_of_row = rows_to_bits(value)
    assert bit_of_row is not None
    return value.src, bit_of_row


class Point(nn.Module):
    """A point that is a function of x + its channel means."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x + x.mean((2, 3), keepdim=True))


def asked(function: Callable[[torch.Tensor], torch.Tensor]) -> Margin:
    graph = graph_of(Point(function), SHAPE, calibration=images(SHAPE, 8), mean=(0.5,))
    at, bit_of_row = point(graph)
    return margin(graph, at, node(graph, "add"), bit_of_row)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda m: torch.where(m >= 0, 1.0, -1.0), Margin(0.0, True, True)),
        (lambda m: torch.where(m > 0, 1.0, -1.0), Margin(0.0, True, False)),
        (lambda m: torch.where(m <= 0, 1.0, -1.0), Margin(0.0, False, False)),
        (lambda m: torch.where(m < 0, 1.0, -1.0), Margin(0.0, False, True)),
        (lambda m: torch.where(m * -3 >= 0, 1.0, -1.0), Margin(0.0, False, False)),
        (lambda m: torch.where(m * -3 > 0, 1.0, -1.0), Margin(0.0, False, True)),
    ],
    ids=["ge", "gt", "le", "lt", "scaled ge", "scaled gt"],
)
def test_a_flip_at_zero_is_zero_and_says_what_zero_gives(
    function: Callable[[torch.Tensor], torch.Tensor], expected: Margin
) -> None:
    assert asked(function) == expected


def at_least(level: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda m: torch.where(m >= level, 1.0, -1.0)


def test_a_flip_elsewhere_is_found_to_the_last_bit() -> None:
    for level in (0.3, -0.7):
        found = asked(at_least(level))
        assert (found.rises, found.included) == (True, True)
        assert np.float32(found.at) == np.float32(level)


def test_a_falling_flip_elsewhere_has_its_bit_below() -> None:
    found = asked(lambda m: torch.where(m < 0.3, 1.0, -1.0))
    assert (found.rises, np.float32(found.at)) == (False, np.float32(0.3))


def test_a_bit_that_flips_twice_has_no_margin() -> None:
    with pytest.raises(LowerError, match=r"flips 2 times as a map plus its own threshold grows"):
        asked(lambda m: torch.where(m.abs() >= 0.3, 1.0, -1.0))


class Tiled(nn.Module):
    """A comparison with another number in each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("by", torch.tensor([0.25, -0.25]).view(1, 2, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x + x.mean((2, 3), keepdim=True) >= self.by, 1.0, -1.0)


def test_channels_that_flip_elsewhere_are_refused() -> None:
    graph = graph_of(Tiled(), SHAPE, calibration=images(SHAPE, 8), mean=(0.5,))
    at, bit_of_row = point(graph)
    with pytest.raises(LowerError, match="on top of one that changes over the map"):
        margin(graph, at, node(graph, "add"), bit_of_row)


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        (torch.ge, Margin(0.0, True, True)),
        (torch.gt, Margin(0.0, True, False)),
        (torch.le, Margin(0.0, True, True)),
        (torch.lt, Margin(0.0, True, False)),
    ],
    ids=["ge", "gt", "le", "lt"],
)
def test_a_point_that_compares_by_itself_flips_at_equality(
    compare: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], expected: Margin
) -> None:
    """The difference is taken so that the comparison holds above 0, whichever way it is written."""
    graph = graph_of(lambda x: torch.where(compare(x, x.mean((2, 3), keepdim=True)), 1.0, -1.0), SHAPE)
    at, bit_of_row = point(graph)
    assert margin(graph, at, at, bit_of_row) == expected
    turned = tuple(None if bit is None else 1 - bit for bit in bit_of_row)
    assert margin(graph, at, at, turned) == Margin(0.0, False, expected.included)
