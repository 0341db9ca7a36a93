# SPDX-License-Identifier: Apache-2.0
"""Averages and sums as window sums: what they mean, how far they reach, and how exact they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.lower.bare import graph_of, last, values_of, whole_numbers
from tests.lower.nets import images
from xnorc.lower.builder import Builder
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Answers, Lowering
from xnorc.lower.streams.average import lower_average
from xnorc.lower.streams.stream import lower_stream
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.sumpool2d import SumPool2d

SHAPE = (1, 2, 4, 6)
IMAGE = Tensor("image", (4, 6, 2), Kind.I16)
Function = Callable[[torch.Tensor], torch.Tensor]
RNG = np.random.default_rng(0)


def averaged(
    function: Function, low: int = -7, high: int = 9, kind: Kind = Kind.I16, **more: Any
) -> tuple[Lowering, Source]:
    """The average that `function` ends with, over whole numbers in low..high."""
    graph = graph_of(function, SHAPE, calibration=images(SHAPE, 5))
    image = Tensor("image", IMAGE.shape, kind)
    source = replace(whole_numbers(graph.input, image, low, high), **more)
    unused: Any = None
    lowering = Lowering(graph, Builder(image), Answers(lambda _lowering, _node: source, unused, lower_stream))
    return lowering, lower_average(lowering, last(graph))


AVERAGES: dict[str, Function] = {
    "plain": lambda x: F.avg_pool2d(x, 2),
    "overlapping": lambda x: F.avg_pool2d(x, 3, 1),
    "padded": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "padded and not counted": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "of a constant divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "ceil": lambda x: F.avg_pool2d(x, 4, ceil_mode=True),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "all": lambda x: x.mean((2, 3)),
    "sum": lambda x: x.sum((2, 3)),
    "along rows": lambda x: x.mean(3, keepdim=True),
    "along columns": lambda x: x.sum(2, keepdim=True),
}
AHEAD: dict[str, Function] = {
    "as it is": lambda x: x,
    "scaled and shifted": lambda x: (x - 3) * torch.tensor([0.5, -2.0]).view(1, 2, 1, 1).to(x.dtype) + 1,
}


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("name", AVERAGES)
def test_scale_and_offset_make_the_sums_what_pytorch_averages(name: str, ahead: str) -> None:
    lowering, made = averaged(lambda x: AVERAGES[name](AHEAD[ahead](x)))
    assert [type(n) for n in lowering.builder.nodes] == [SumPool2d]
    ends = [np.full((1, 4, 6, 2), end) for end in (-7, 9)]
    q = np.concatenate([RNG.integers(-7, 10, (20, 4, 6, 2)), *ends]).astype(np.int16)
    sums = values_of(lowering, {"image": q})[made.tensor.name].reshape(len(q), -1)[:, made.at]
    expected = AVERAGES[name](AHEAD[ahead](torch.from_numpy(q.transpose(0, 3, 1, 2)).double()))
    np.testing.assert_allclose(sums * made.scale + made.offset, expected.reshape(len(q), -1).numpy(), atol=1e-5)
    assert (sums >= made.low).all()
    assert (sums <= made.high).all()


@pytest.mark.parametrize(("low", "high"), [(3, 9), (-9, -3), (-4, 5)])
def test_bounds_hold_for_windows_that_lie_partly_outside(low: int, high: int) -> None:
    lowering, made = averaged(AVERAGES["padded"], low, high)
    assert set(made.low.tolist()) == {min(0, 9 * low)}
    assert set(made.high.tolist()) == {max(0, 9 * high)}
    q = np.full((1, 4, 6, 2), low if low > 0 else high, np.int16)
    corner = values_of(lowering, {"image": q})[made.tensor.name][0, 0, 0, 0]
    assert abs(int(corner)) == 4 * min(abs(low), abs(high)) if low * high > 0 else True


@pytest.mark.parametrize(
    ("ahead", "more", "whole"),
    [
        (lambda x: x, {}, True),
        (lambda x: x * 2 - 1, {}, True),
        (lambda x: x * 0.5, {}, False),
        (lambda x: x + 0.5, {}, False),
        (lambda x: x, {"exact": False}, False),
        (lambda x: x, {"noise": np.full(48, 1e-3)}, False),
    ],
    ids=["as it is", "whole", "halves", "a half more", "rounded", "a rounded sum"],
)
def test_sums_are_exact_where_whole_numbers_are_summed(ahead: Function, more: dict[str, Any], whole: bool) -> None:
    _, made = averaged(lambda x: ahead(x).sum((2, 3)), **more)
    assert not made.noise.any() if whole else (made.noise > 0).all()
    assert made.exact == ("exact" not in more)


@pytest.mark.parametrize(("high", "stream"), [((2**31 - 1) // 24, False), ((2**31 - 1) // 24 + 1, True)])
def test_sums_beyond_32_bits_are_of_a_stream(high: int, stream: bool) -> None:
    for low in (0, -high):
        lowering, made = averaged(lambda x: x.sum((2, 3)), low, high if low == 0 else 0, Kind.I32)
        assert [type(n) for n in lowering.builder.nodes][-1] is SumPool2d
        assert (len(lowering.builder.nodes) == 2) == stream
        assert max(abs(int(made.low.min())), abs(int(made.high.max()))) < 2**31
