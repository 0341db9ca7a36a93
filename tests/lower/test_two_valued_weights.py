# SPDX-License-Identifier: Apache-2.0
"""Weights of two unlike values: which sums occur decides whether torch.sign(0) is met."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered, pm1
from xnorc.errors import LowerError
from xnorc.lower.graph.pixels import images_to_float

SHAPE = (1, 2, 5, 5)


class TwoValued(nn.Conv2d):
    """Weights low or high."""

    low, high = 0.0, 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, torch.where(self.weight >= 0, self.high, self.low), self.bias)


class Sign(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sign(x)


def net(binarizer: nn.Module, plus: int, padding: int = 0) -> nn.Module:
    """Bits, 12 of them by {0, 1} with `plus` ones, no batch norm, the binarizer."""
    made = lively(
        nn.Sequential(
            Conv(2, 3, 1, bias=False),
            Bits(),
            TwoValued(3, 4, 2, padding=padding, bias=False),
            binarizer,
            nn.Flatten(),
            Linear(4 * (36 if padding else 16), 3, bias=False),
        )
    )
    flat = -torch.ones(4, 12)
    flat[:, :plus] = 1.0
    made[2].weight.data = flat[:, torch.randperm(12, generator=torch.Generator().manual_seed(1))].reshape(4, 3, 2, 2)
    return made


def same_logits_order(made: nn.Module, program_logits: np.ndarray, x: np.ndarray, options: object) -> bool:
    with torch.no_grad():
        want = made(images_to_float(x, torch.zeros(SHAPE), options)).numpy()  # type: ignore[arg-type]
    return bool((np.sign(want[:, :1] - want) == np.sign(program_logits[:, :1] - program_logits)).all())


@pytest.mark.parametrize("plus", [2, 6])
def test_a_sign_of_zero_that_sums_of_zeros_and_ones_meet_is_refused(plus: int) -> None:
    with pytest.raises(LowerError, match=r"sign\(0\) is reached"):
        lowered(net(Sign(), plus), SHAPE)


@pytest.mark.parametrize("plus", [3, 7])
def test_an_odd_number_of_ones_never_sums_to_zero(plus: int) -> None:
    module, x = net(Sign(), plus), images(SHAPE, 30)
    made = lowered(module, SHAPE)
    assert same_logits_order(module, made.program.run(x).reshape(30, 3).astype(np.int64), x, made.options)


def test_pads_leave_sums_of_either_parity() -> None:
    with pytest.raises(LowerError, match=r"sign\(0\) is reached"):
        lowered(net(Sign(), 3, padding=1), SHAPE)


@pytest.mark.parametrize("tie", [1, -1])
def test_a_tie_rule_decides_the_zeros_of_two_valued_sums(tie: int) -> None:
    class Settled(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.where(x >= 0 if tie == 1 else x > 0, 1.0, -1.0)

    x = images(SHAPE, 30)
    made = lowered(net(Sign(), 6), SHAPE, tie=tie)
    logits = made.program.run(x).reshape(30, 3).astype(np.int64)
    assert same_logits_order(net(Settled(), 6), logits, x, made.options)


def test_a_bit_that_comes_and_goes_is_found_among_the_sums_that_occur() -> None:
    """A window of one sum among 2^30 integers: no grid would meet it."""

    class Window(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pm1(0.5 - F.relu((x - 2).abs()))

    module, x = net(Window(), 6), images(SHAPE, 30)
    made = lowered(module, SHAPE)
    assert same_logits_order(module, made.program.run(x).reshape(30, 3).astype(np.int64), x, made.options)


class Scaled(nn.Module):
    """Two values that lie apart by another distance in each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)


class Normed(nn.Module):
    """sign(0) becomes the greater value of two, where -1 is the lesser one, and where it is not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rising = torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)
        return torch.sign(torch.sign(x) * rising + 0.5)


@pytest.mark.parametrize(
    ("binarizer", "layer", "said"),
    [
        (Scaled(), Conv(3, 4, 2), "the two values of the input lie 2 apart in one place and 6 in another"),
        (Bits(), TwoValued(3, 3, 2, groups=3), "two values that are not .* in a convolution with groups"),
        (Normed(), Conv(3, 4, 2), r"sign\(0\) counts as the greater value in one channel and as the lesser in another"),
    ],
    ids=["distances", "groups", "ties"],
)
def test_two_values_that_no_kernel_takes_are_refused_by_what_they_are(
    binarizer: nn.Module, layer: nn.Module, said: str
) -> None:
    out = 16 * (3 if isinstance(layer, TwoValued) else 4)
    made = lively(nn.Sequential(Conv(2, 3, 1), binarizer, layer, Bits(), nn.Flatten(), Linear(out, 3)))
    with pytest.raises(LowerError, match=said):
        lowered(made, SHAPE)
