# SPDX-License-Identifier: Apache-2.0
"""Binarized weights are recognised by their folded values, in every published form; anything else is told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import Function

from tests.capture.one_idiom import Seen, capture_all, is_sign_of, one, step
from xnorc.capture import Kind, classify
from xnorc.errors import CaptureError

Fn = Callable[[torch.Tensor], torch.Tensor]


class Binarize(Function):
    @staticmethod
    def forward(ctx: Any, w: torch.Tensor) -> torch.Tensor:
        return w.sign()

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        return g


def centred(w: torch.Tensor) -> torch.Tensor:
    return w - w.mean((1, 2, 3), keepdim=True)


def standardised(w: torch.Tensor) -> torch.Tensor:
    return centred(w) / w.flatten(1).std(1).view(-1, 1, 1, 1)


def straight_through(w: torch.Tensor) -> torch.Tensor:
    scale = w.abs().mean((1, 2, 3), keepdim=True).detach()
    hard, soft = scale * w.sign(), w.clamp(-1, 1)
    return hard.detach() - soft.detach() + soft


SIGNS_OF_W: dict[str, Fn] = {
    "sign": torch.sign,
    "function": Binarize.apply,
    "where": step,
    "scaled per layer": lambda w: w.abs().mean() * w.sign(),
    "scaled per channel": lambda w: w.abs().mean((1, 2, 3), keepdim=True) * w.sign(),
    "scaled by chained means": lambda w: w.sign() * w.abs().mean(3, True).mean(2, True).mean(1, True),
    "flat and viewed": lambda w: w.reshape(-1).sign().view(w.shape),
    "clamped first": lambda w: w.clamp(-1, 1).sign(),
    "erf first": lambda w: torch.erf(3 * w).sign(),
    "tanh first": lambda w: torch.tanh(2 * w / w.abs().max()).sign(),
    "straight through, unscaled": lambda w: (w.sign() - w).detach() + w,
    "straight through, tanh": lambda w: w.sign().detach() - torch.tanh(w).detach() + torch.tanh(w),
    "straight through, scaled": straight_through,
    "norm over count": lambda w: w.sign() * w.norm(p=1) / w.numel(),
    "item": lambda w: w.sign() * w.abs().mean().item(),
    "detached data": lambda w: torch.sign(w.data) * w.data.abs().mean(),
    "dtype there and back": lambda w: w.double().sign().float(),
}
CENTRED: dict[str, Fn] = {
    "centred": lambda w: centred(w).sign(),
    "standardised": lambda w: standardised(w).sign(),
    "standardised and scaled": lambda w: standardised(w).sign() * standardised(w).abs().mean((1, 2, 3), keepdim=True),
    "power of two scale": lambda w: standardised(w).sign() * 2 ** standardised(w).abs().mean().log2().round(),
}


@pytest.fixture(scope="module")
def plain() -> dict[str, Seen]:
    return capture_all(None, SIGNS_OF_W)


@pytest.fixture(scope="module")
def moved() -> dict[str, Seen]:
    return capture_all(None, CENTRED)


@pytest.mark.parametrize("name", SIGNS_OF_W)
def test_every_form_gives_the_signs_of_w_and_one_scale_per_channel(name: str, plain: dict[str, Seen]) -> None:
    seen = plain[name]
    assert is_sign_of(seen.found, seen.weight)
    assert bool((seen.found.scale > 0).all())
    assert seen.found.near == ()


def test_a_scaled_straight_through_weight_is_measured_and_said(plain: dict[str, Seen]) -> None:
    measured = [line for line in plain["straight through, scaled"].net.proofs if "measured" in line]
    assert len(measured) == 3
    assert all("test_weights.py" in line for line in measured)
    scale = plain["straight through, scaled"].weight.abs().mean((1, 2, 3)).double()
    assert torch.equal(plain["straight through, scaled"].found.scale, scale)


@pytest.mark.parametrize("name", CENTRED)
def test_signs_of_transformed_weights_are_binary(name: str, moved: dict[str, Seen]) -> None:
    seen = moved[name]
    assert is_sign_of(seen.found, centred(seen.weight))


def test_a_learned_scale_may_be_negative() -> None:
    class Learned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, -0.25, 3.0, 1.0]).view(-1, 1, 1, 1))

        def forward(self, w: torch.Tensor) -> torch.Tensor:
            return self.scale * w.sign()

    act = Learned()
    seen = one(None, act)
    assert seen.found.kind is Kind.BINARY
    assert torch.equal(seen.found.sign, (seen.weight.sign() * act.scale.sign()).detach().to(torch.int8))
    assert torch.equal(seen.found.scale, act.scale.detach().abs().double().flatten())


def test_a_sigmoid_shift_before_the_sign_is_folded() -> None:
    alpha = nn.Parameter(torch.tensor(0.3))

    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.alpha = alpha

        def forward(self, w: torch.Tensor) -> torch.Tensor:
            return torch.sign(w + 0.01 * torch.sigmoid(self.alpha) * w.mean((1, 2, 3), keepdim=True))

    seen = one(None, Shift())
    assert seen.found.kind is Kind.BINARY


def test_real_weights_stay_real() -> None:
    assert one(None, lambda w: w * 1.5).found.kind is Kind.REAL


def with_zeros(w: torch.Tensor) -> torch.Tensor:
    mask = torch.ones_like(w)
    mask[1, 2, 0, 1] = 0
    mask[4, 0, 2, 2] = 0
    return (w * mask).sign() * 0.5


def test_exact_zeros_make_a_channel_ternary_and_their_places_are_known() -> None:
    found = one(None, with_zeros).found
    assert found.kind is Kind.TERNARY
    assert [i for i, kind in enumerate(found.kinds) if kind is Kind.TERNARY] == [1, 4]
    assert found.zeros.tolist() == [(1 * 4 + 2) * 9 + 1, (4 * 4 + 0) * 9 + 8]


@pytest.mark.parametrize("tie", [1, -1])
def test_a_tie_rule_settles_zero_weights_and_counts_them(tie: int) -> None:
    seen = one(None, with_zeros, tie=tie)
    assert seen.found.kind is Kind.BINARY
    assert seen.found.sign[1, 2, 0, 1] == tie
    assert seen.found.sign[4, 0, 2, 2] == tie
    assert any("2 weights are exactly 0" in note for note in seen.net.notes)


def test_a_soft_branch_that_swamps_the_weights_is_refused_with_its_line() -> None:
    with pytest.raises(CaptureError, match=r"test_weights\.py:\d+ `.*soft branch moves the weights"):
        one(None, lambda w: (w.sign() - 1e10 * w).detach() + 1e10 * w)


def brute_kind(values: list[float]) -> Kind:
    distinct = sorted(set(values))
    magnitudes = {abs(v) for v in values}
    if magnitudes == {0.0}:
        return Kind.ZERO
    if len(magnitudes) == 1:
        return Kind.BINARY
    if len(distinct) == 2:
        return Kind.TWO_VALUED
    return Kind.TERNARY if len(magnitudes - {0.0}) == 1 else Kind.REAL


def test_classification_equals_the_definition_on_every_small_channel() -> None:
    from itertools import product

    channels = list(product([-2.0, -1.0, 0.0, 1.0, 2.0], repeat=4))
    found = classify(torch.tensor(channels))
    assert list(found.kinds) == [brute_kind(list(channel)) for channel in channels]
    for channel, kind, sign, scale, mean in zip(
        channels, found.kinds, found.sign.double(), found.scale, found.mean, strict=True
    ):
        if kind is not Kind.REAL:
            assert torch.equal(mean + scale * sign, torch.tensor(channel).double())


def test_a_weight_off_by_one_unit_in_the_last_place_is_real_and_near() -> None:
    weight = torch.randn(3, 8).sign() * 0.1
    weight[1, 3] *= 1 + 2**-22
    found = classify(weight)
    assert found.kinds[1] is Kind.REAL
    assert found.near == (1,)
