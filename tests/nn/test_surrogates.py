# SPDX-License-Identifier: Apache-2.0
"""Surrogate gradients are the slopes of their smooth functions, and the step's value at zero is declared."""

from __future__ import annotations

import pytest
import torch

from xnorc.errors import XnorcError
from xnorc.nn import surrogates
from xnorc.nn.surrogates import Surrogate

STEEPNESS = {"identity": (1.0,), "bireal": (1.0,), "ede": (0.001, 0.3, 1.0, 10.0), "tanh": (0.5, 1.0, 4.0)}
CASES = [(name, steepness) for name in surrogates.NAMES for steepness in STEEPNESS[name]]


def away_from_kinks() -> torch.Tensor:
    v = torch.linspace(-2.5, 2.5, 997, dtype=torch.float64)
    return v[((v.abs() - 1).abs() > 1e-3) & (v.abs() > 1e-3)]


@pytest.mark.parametrize(("name", "steepness"), CASES)
def test_the_gradient_is_the_slope_of_the_smooth_function(name: str, steepness: float) -> None:
    v, eps = away_from_kinks(), 1e-6
    slope = surrogates.smooth(name, v + eps, steepness) - surrogates.smooth(name, v - eps, steepness)
    torch.testing.assert_close(surrogates.derivative(name, v, steepness), slope / (2 * eps), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", surrogates.NAMES)
def test_backward_multiplies_by_the_derivative(name: str) -> None:
    step = Surrogate(name)
    v = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    weights = torch.arange(41, dtype=torch.float64)
    (step(v) * weights).sum().backward()
    assert v.grad is not None
    torch.testing.assert_close(v.grad, weights * surrogates.derivative(name, v.detach(), step.steepness))


@pytest.mark.parametrize("name", surrogates.NAMES)
def test_the_step_is_minus_or_plus_one_and_plus_one_at_both_zeros(name: str) -> None:
    v = torch.tensor([-3.0, -1e-30, -0.0, 0.0, 1e-30, 5.0])
    assert Surrogate(name)(v).tolist() == [-1, -1, 1, 1, 1, 1]


def test_ede_rises_from_its_first_to_its_last_steepness_and_the_others_stay() -> None:
    ede, tanh = Surrogate("ede", span=(1e-1, 1e1)), Surrogate("tanh", steepness=3.0)
    both = torch.nn.ModuleList([ede, tanh])
    seen = []
    for done in (0.0, 0.5, 1.0):
        surrogates.set_progress(both, done)
        seen.append((round(ede.steepness, 6), tanh.steepness))
    assert seen == [(0.1, 3.0), (1.0, 3.0), (10.0, 3.0)]


def test_an_unknown_surrogate_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(XnorcError, match=r"'relu' \(one of identity, bireal, ede, tanh\)"):
        Surrogate("relu")
    with pytest.raises(XnorcError, match="positive numbers"):
        Surrogate("ede", span=(0, 1))
