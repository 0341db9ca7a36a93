# SPDX-License-Identifier: Apache-2.0
"""Streams, block by block: the integers are the model's reals in the stream's unit, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.lower.bare import graph_of, last, values_of, whole_numbers
from tests.lower.nets import images
from xnorc.errors import LowerError
from xnorc.lower.builder import Builder
from xnorc.lower.graph.scales import HEADROOM, LIMIT16
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Answers, Lowering
from xnorc.lower.streams.pending import pending
from xnorc.lower.streams.stream import lower_stream
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.table import Table

SHAPE, VECTOR = (1, 2, 1, 1), (1, 2)
Function = Callable[[torch.Tensor], torch.Tensor]
UNIT = 2.0**-6
REAL = 2.0**-4  # of one integer of the source
MOST = 60  # integers of the source: reals within +-3.75


def streamed(
    function: nn.Module | Function,
    shape: tuple[int, ...] = SHAPE,
    unit: float = UNIT,
    own: float = REAL,
    offset: float = 0.0,
) -> tuple[list[Node], np.ndarray, np.ndarray]:
    """(nodes, stream (q, elements), the model's reals in units (q, elements)) for every q of the source."""
    # ToTensor and Normalize give -4..4: what streams are calibrated to.
    graph = graph_of(function, shape, calibration=images(shape, 9), mean=(0.5,), std=(0.125,))
    image = Tensor("image", (1, 1, 2), Kind.I16, own)
    plain = whole_numbers(graph.input, image, -MOST, MOST)
    source = Source(**{**vars(plain), "scale": plain.scale * own, "offset": plain.offset + offset})
    unused: Any = None
    lowering = Lowering(graph, Builder(image), Answers(lambda _lowering, _node: source, unused, unused))
    made = lower_stream(lowering, last(graph), unit, Kind.I16)
    assert (made.scale == unit).all()
    assert not made.exact
    q = np.arange(-MOST, MOST + 1)
    values = values_of(lowering, {"image": (q[:, None, None, None] + np.zeros(image.shape)).astype(np.int16)})
    at = np.maximum(made.at, 0)
    stream = np.where(made.at >= 0, values[made.tensor.name].reshape(len(q), -1)[:, at], 0)
    with torch.no_grad():
        reals = function(torch.from_numpy(q * own + offset).double()[:, None].expand(-1, 2).reshape(-1, *shape[1:]))
    return lowering.builder.nodes, stream, reals.reshape(len(q), -1).numpy() / unit


PER_CHANNEL = torch.tensor([0.75, -1.5]).double().view(1, 2, 1, 1)


class Double(nn.Module):
    """A function whose constants are of the input's type."""

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, PER_CHANNEL.to(x.dtype))


ONE_NODE: dict[str, nn.Module | Function] = {
    "scale and shift": lambda x: (x + 0.375) * -0.5 + 1.25,
    "a scale a channel": Double(lambda x, c: (x - 0.5) * c + 0.125),
    "clip": lambda x: x.clamp(-1, 1.5),
    "clip between units": lambda x: x.clamp(-1.01, 1.0105),
    "relu": lambda x: (x * 0.5).relu(),
    "open above": lambda x: (x - 1).clamp(min=-0.3),
    "open below": lambda x: (x + 0.5).clamp(max=0.3),
    "moved": lambda x: x.flip(1) * 0.5,
}


@pytest.mark.parametrize("name", ONE_NODE)
def test_what_one_affine_does_is_rounded_once(name: str) -> None:
    """A clip ends at a whole unit: half a unit more at most."""
    nodes, stream, reals = streamed(ONE_NODE[name])
    assert [type(n) for n in nodes] == [Affine]
    assert np.abs(stream - reals).max() <= 0.5 + 2.0**-12
    if "clip" not in name and "open" not in name:
        np.testing.assert_array_equal(stream, np.floor(np.round(reals, 6) + 0.5))


def test_an_offset_of_the_source_is_scaled_with_it() -> None:
    nodes, stream, reals = streamed(lambda x: x * -0.75 + 0.5, offset=1.0)
    assert [type(n) for n in nodes] == [Affine]
    np.testing.assert_array_equal(stream, np.floor(reals + 0.5))


def test_what_is_there_already_costs_nothing() -> None:
    nodes, stream, reals = streamed(lambda x: x.flip(1), unit=REAL)
    assert nodes == []
    np.testing.assert_array_equal(stream, reals)


@pytest.mark.parametrize(("positive", "negative"), [(1.0, 0.25), (2.0, 0.5), (0.5, -1.0), (2.0, 0.0), (0.25, 1.0)])
def test_a_prelu_bends_at_zero(positive: float, negative: float) -> None:
    """One rounding to the unit ahead of the node and one in it, of a slope in 1/4096."""
    nodes, stream, reals = streamed(lambda x: torch.where(x >= 0, x * positive, x * negative))
    bent = next(n for n in nodes if isinstance(n, PRelu))
    assert bent.slope.tolist() == [round(negative / positive * 4096)] * 2
    slope = max(1.0, abs(negative / positive))
    assert np.abs(stream - reals).max() <= 0.5 * slope + 0.5 + np.abs(reals).max() / 8192 + 2.0**-12


@pytest.mark.parametrize(
    ("positive", "negative", "said"),
    [
        (0.0, 2.0, "does not rise above 0"),
        (-1.0, 1.0, "does not rise above 0"),
        (0.5, 4.5, "a PReLU slope of 9"),
        (0.5, -4.5, "a PReLU slope of 9"),
    ],
)
def test_a_prelu_of_no_such_form_is_refused(positive: float, negative: float, said: str) -> None:
    with pytest.raises(LowerError, match=said):
        streamed(lambda x: torch.where(x >= 0, x * positive, x * negative))


def test_shifts_around_a_prelu_are_one_node() -> None:
    """b + PReLU(x - a), a and b in whole units; slopes of powers of two need no rounding but that of halves."""
    nodes, stream, reals = streamed(lambda x: F.leaky_relu(x - 0.75, 0.5) + 0.25, unit=REAL)
    (bent,) = nodes
    assert isinstance(bent, PRelu)
    assert (bent.before.tolist(), bent.slope.tolist(), bent.after.tolist()) == ([12, 12], [2048, 2048], [4, 4])
    np.testing.assert_array_equal(stream, np.floor(reals + 0.5))


def test_any_function_of_a_vector_is_a_table_over_what_was_calibrated() -> None:
    nodes, stream, reals = streamed(lambda x: x.sigmoid(), VECTOR, unit=2.0**-14)
    ahead = nodes[0]
    assert isinstance(nodes[1], Table)
    assert isinstance(ahead, Affine)
    assert ahead.output.scale is not None
    assert ahead.output.scale * LIMIT16 >= 4 * HEADROOM  # calibrated to 4
    assert ahead.output.scale * LIMIT16 < 8 * HEADROOM
    # Straight lines between values 256 units apart are off by h^2 / 8 times the greatest second derivative, 0.0962.
    apart = 256 * ahead.output.scale
    assert np.abs(stream - reals).max() <= apart**2 / 8 * 0.0962 / 2.0**-14 + 3


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_streams_are_padded_with_zeros_and_nothing_else(value: float) -> None:
    def padded(x: torch.Tensor) -> torch.Tensor:
        first = F.pad(x, (0, 0, 0, 0, 0, 1))  # a channel of 0
        return F.pad(first, (0, 0, 0, 0, 1, 0), value=value) * 0.5

    if value:
        with pytest.raises(LowerError, match="padded with something else than 0"):
            streamed(padded)
    else:
        _, stream, _ = streamed(padded)
        assert not stream[:, [0, 3]].any()


def test_the_reach_of_a_stream_is_its_farther_limit() -> None:
    from xnorc.lower.streams.pending import flush

    graph = graph_of(lambda x: x * 2, SHAPE, calibration=images(SHAPE, 4))
    source = whole_numbers(graph.input, Tensor("image", (1, 1, 2), Kind.I16), -5, 7)
    so_far = pending(source, np.arange(2))
    assert so_far.reach == 7
    unused: Any = None
    lowering = Lowering(graph, Builder(source.tensor), Answers(unused, unused, unused))
    flush(lowering, last(graph), so_far, 0.5, Kind.I16, (-100, 3))
    assert so_far.reach == 100
    assert (so_far.slope.tolist(), so_far.offset.tolist()) == ([0.5, 0.5], [0.0, 0.0])
