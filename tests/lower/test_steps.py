# SPDX-License-Identifier: Apache-2.0
"""Functions that jump, on real values: no table holds them, and their zeros are the model's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.nets import Conv, Linear, images, lively, lowered, pm1
from xnorc.errors import LowerError

SHAPE = (1, 2, 8, 8)
Function = Callable[[torch.Tensor], torch.Tensor]


class OnVector(nn.Module):
    """A function of pooled bits, ahead of a head."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.first, self.head, self.function = Conv(2, 6, 3), nn.Linear(6, 3), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.function(pm1(self.first(x)).mean((2, 3))))


class AheadOfSign(nn.Module):
    """A function of a stem of real weights, ahead of torch.sign."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.stem, self.head, self.function = nn.Conv2d(2, 6, 3), Linear(6 * 36, 3), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.sign(self.function(self.stem(x))).flatten(1))


@pytest.mark.parametrize("function", [lambda x: torch.round(4 * x), lambda x: torch.floor(8 * x), torch.frac])
def test_a_function_that_jumps_is_no_table(function: Function) -> None:
    with pytest.raises(LowerError, match="a function that jumps"):
        lowered(lively(OnVector(function)), SHAPE, calibration=images(SHAPE, 40))


@pytest.mark.parametrize("function", [torch.tanh, torch.sigmoid, lambda x: x.abs().sqrt(), F.silu, torch.exp])
def test_a_continuous_function_is(function: Function) -> None:
    made = lowered(lively(OnVector(function)), SHAPE, calibration=images(SHAPE, 40))
    assert "table" in [node.op for node in made.program.nodes]


@pytest.mark.parametrize("function", [lambda x: torch.round(2 * x), lambda x: F.hardshrink(x, 0.3)])
@pytest.mark.parametrize("bits", [8, 16])
def test_zeros_that_a_rounded_stem_shares_with_the_model_are_refused(function: Function, bits: int) -> None:
    with pytest.raises(LowerError, match=r"sign\(0\) is reached"):
        lowered(lively(AheadOfSign(function)), SHAPE, weight_bits=bits)


def test_a_single_zero_of_a_rounded_stem_is_not() -> None:
    lowered(lively(AheadOfSign(lambda x: x - 0.125)), SHAPE)
