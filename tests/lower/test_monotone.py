# SPDX-License-Identifier: Apache-2.0
"""Which chains cannot flip twice, step by step; the claims of each operation are tried in tests/capture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.lower.bare import graph_of, last, node
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.monotone import is_monotone

SHAPE = (1, 2, 1, 2)
SLOPES = torch.tensor([0.25, -0.5]).view(1, 2, 1, 1)
Function = Callable[[torch.Tensor], torch.Tensor]


def found(function: Function, stop: str = "") -> bool:
    """Of the chain from the image, or from the node named, to the end."""
    graph = graph_of(function, SHAPE)
    start = node(graph, stop) if stop else graph.input
    return is_monotone(Chain(graph, last(graph), np.arange(4), [start]))


MONOTONE: dict[str, Function] = {
    "nothing": lambda x: x.flip(3),
    "scale, shift, clip": lambda x: ((x * -3 + 1) / 2).clamp(-1, 1),
    "slopes of either sign": lambda x: (x - 0.5) * SLOPES,
    "bits": lambda x: torch.sign(x - 0.25),
    "relu of a difference": lambda x: (1 - x).relu().flatten(1),
}
TURNING: dict[str, Function] = {
    "a square": lambda x: (x - 0.5) * (x - 0.5),
    "a fold": lambda x: torch.where(x >= 0.5, x, 1 - x),
    "a magnitude": lambda x: (x - 0.5).abs() * 2,
    "a pole": lambda x: 1 / (x - 0.5),
    "a prelu that falls": lambda x: torch.nn.functional.leaky_relu(x - 0.5, -0.5),
    "cast to whole numbers": lambda x: (x * 100).to(torch.int8).float(),
}


@pytest.mark.parametrize("name", MONOTONE)
def test_steps_that_only_rise_or_only_fall(name: str) -> None:
    assert found(MONOTONE[name])


@pytest.mark.parametrize("name", TURNING)
def test_steps_that_turn(name: str) -> None:
    assert not found(TURNING[name])


def test_anything_is_monotone_in_two_values_and_nothing_in_three() -> None:
    assert found(lambda x: (torch.where(x >= 0, 2.0, -1.0) - 1).abs(), "where")
    assert not found(lambda x: (torch.sign(x) - 0.5).abs(), "sign")


def test_whole_numbers_wrap_and_are_never_monotone() -> None:
    assert not found(lambda x: ((x * 100).to(torch.int8) * 3).float(), "_to_copy")
