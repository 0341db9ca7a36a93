# SPDX-License-Identifier: Apache-2.0
"""Weights rounded for their inputs: closer than nearest where inputs go together, equal to it where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.lower.dots.rounding import LIMIT, rounded_for


def case(seed: int, together: int, images: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(weights, steps, inputs to round for, other inputs of the same kind): 48 inputs made of `together` causes."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(6, 48))
    step = np.abs(real).max(axis=1) / LIMIT
    causes = rng.normal(size=(together, 48))
    inputs = rng.normal(size=(2 * images, together)) @ causes + 0.02 * rng.normal(size=(2 * images, 48)) + 1.5
    return real, step, inputs[:images], inputs[images:]


def error(real: np.ndarray, step: np.ndarray, q: np.ndarray, z: np.ndarray, constant: np.ndarray | float) -> float:
    return float(np.sqrt(((z @ (real - q * step[:, None]).T - constant) ** 2).mean()))


@pytest.mark.parametrize("seed", range(4))
def test_outputs_on_other_images_are_several_times_closer(seed: int) -> None:
    real, step, met, fresh = case(seed, together=5)
    q, short = rounded_for(real, step, met)
    nearest = np.rint(real / step[:, None])
    best_constant = ((real - nearest * step[:, None]) @ met.mean(axis=0))[None]
    assert np.abs(q.astype(int)).max() <= LIMIT
    assert np.abs(q - nearest).max() <= 4
    assert error(real, step, q, fresh, short[None]) < error(real, step, nearest, fresh, best_constant) / 3


def test_inputs_that_have_nothing_in_common_are_rounded_to_nearest() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(5, 16))
    step = np.abs(real).max(axis=1) / LIMIT
    signs = 1.0 - 2.0 * np.array([[bin(i & j).count("1") % 2 for j in range(16)] for i in range(16)])  # orthogonal
    q, _ = rounded_for(real, step, np.concatenate([signs, -signs]))
    assert (q == np.rint(real / step[:, None])).all()


def test_inputs_that_never_change_leave_their_error_to_the_constant() -> None:
    real, step = np.array([[0.3, -1.0, 0.77]]), np.array([1.0 / LIMIT])
    inputs = np.tile([2.0, -1.0, 0.5], (8, 1))
    q, short = rounded_for(real, step, inputs)
    assert real @ inputs[0] == pytest.approx(q * step @ inputs[0] + short, abs=1e-12)
