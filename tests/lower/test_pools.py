# SPDX-License-Identifier: Apache-2.0
"""Max pools ahead of a bit: OR, AND, or a pool of integers, and every bit that of the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.lower.nets import Conv, Linear, compared, lively, pm1

SHAPE = (1, 2, 8, 8)
CH = 6


class Pooled(nn.Module):
    """Binary sums, `ahead`, a max pool, `behind`, bits, and a linear layer."""

    def __init__(self, ahead: Callable[[torch.Tensor], torch.Tensor], behind: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.stem, self.conv, self.head = Conv(2, 9, 3, padding=1), Conv(9, CH, 3, padding=1), Linear(CH * 16, 5)
        lively(self)
        self.ahead, self.behind = ahead, behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(pm1(self.stem(x) - 0.5))
        return self.head(pm1(self.behind(F.max_pool2d(self.ahead(x), 2))).flatten(1))


def channels(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, CH, 1, 1)


SIGNED = channels(1, -1, 0.5, -2, 3, -0.25)
CUTS = channels(4.3, -2.6, 1.2, -9.4, 17.1, 0.4)
HALF = torch.ones(1, 1, 4, 4)
HALF[..., 2:] = -1

BY_BITS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]] = {
    "rising": (lambda x: x * 1.0, lambda x: x - CUTS),
    "falling behind": (lambda x: x * 1.0, lambda x: CUTS - x),
    "of either kind behind": (lambda x: x * 1.0, lambda x: (x - CUTS) * SIGNED),
    "of either kind ahead": (lambda x: x * SIGNED, lambda x: x - CUTS),
    "of either kind on both sides": (lambda x: x * SIGNED, lambda x: (x - CUTS) * -SIGNED),
    "turning ahead": (lambda x: (x - 3).abs(), lambda x: x - CUTS.abs()),
}
BY_INTEGERS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]] = {
    "turning behind": (lambda x: x * 1.0, lambda x: (x - 5).abs() - CUTS.abs()),
    "turning behind what is negated": (lambda x: x * SIGNED, lambda x: (x - 5).abs() - CUTS.abs()),
    "rising here and falling there": (lambda x: x * 1.0, lambda x: (x - 4.5) * HALF),
}


@pytest.mark.parametrize("name", BY_BITS)
def test_a_pool_ahead_of_one_flip_is_a_pool_of_bits(name: str) -> None:
    made, found = compared(Pooled(*BY_BITS[name]), SHAPE, 40)
    assert found.differing_bits == 0
    assert "bmaxpool2d" in [n.op for n in made.program.nodes]


@pytest.mark.parametrize("name", BY_INTEGERS)
def test_a_pool_ahead_of_what_turns_is_a_pool_of_integers(name: str) -> None:
    made, found = compared(Pooled(*BY_INTEGERS[name]), SHAPE, 40)
    assert found.differing_bits == 0
    ops = [n.op for n in made.program.nodes]
    assert "maxpool2d" in ops
    assert "bmaxpool2d" not in ops
