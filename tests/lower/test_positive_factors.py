# SPDX-License-Identifier: Apache-2.0
"""Factors that decide no sign are dropped ahead of it, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.lower.bare import graph_of
from xnorc.lower.graph.ops import short_name
from xnorc.lower.graph.positive_factors import positive_factors

Tensors = Callable[[torch.Tensor], torch.Tensor]


def mean(x: torch.Tensor) -> torch.Tensor:
    """One number an image, of any sign."""
    return x.mean((1, 2, 3), keepdim=True)


def share(x: torch.Tensor) -> torch.Tensor:
    """One number an image, 0 to 1."""
    return mean(x).sigmoid()


DROPPED: dict[str, Tensors] = {
    "divided": lambda x: torch.sign((x - 0.3) / (share(x) + 0.5)),
    "multiplied": lambda x: torch.where((x - 0.3) * (share(x) + 0.5) >= 0, 1.0, -1.0),
    "the other way round": lambda x: torch.where((share(x) + 0.5) * (x - 0.3) > 0, 1.0, -1.0),
}
KEPT: dict[str, Tensors] = {
    "may be 0": lambda x: torch.sign((x - 0.3) * mean(x).relu()),
    "may be below 0": lambda x: torch.sign((x - 0.3) / (mean(x) - 0.5)),
    "compared with another number": lambda x: torch.where((x - 0.3) / (share(x) + 0.5) >= 0.25, 1.0, -1.0),
    "read as a number too": lambda x: torch.sign(y := (x - 0.3) / (share(x) + 0.5)) + y,
    "below the line": lambda x: torch.sign((share(x) + 0.5) / (x + 2)),
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_factor_above_zero_says_nothing_about_the_sign(name: str) -> None:
    (found,) = positive_factors(graph_of(DROPPED[name], (1, 1, 2, 2)).captured).items()
    assert short_name(found[0]) in ("div", "mul")
    assert short_name(found[1]) == "sub"


@pytest.mark.parametrize("name", KEPT)
def test_other_factors_stay(name: str) -> None:
    found = positive_factors(graph_of(KEPT[name], (1, 1, 2, 2)).captured)
    assert [n for n in found.values() if short_name(n) == "sub"] == []
