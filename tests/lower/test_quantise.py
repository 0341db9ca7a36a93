# SPDX-License-Identifier: Apache-2.0
"""Weights as integers: exact steps, planes of 16 bits, and the room that sums leave."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.lower.dots.quantise import BASE, exact_step, int8_weights, int16_weights, wide_weights

RNG = np.random.default_rng(0)


def test_up_to_127_steps_are_exact_and_128_are_not() -> None:
    for most, whole in ((127, True), (128, False)):
        real = np.array([[1.0, most, -3.0]]) * 0.37
        step, exact = exact_step(real)
        assert exact.tolist() == [whole]
        if whole:
            assert np.abs(step - 0.37).max() < 1e-12
    assert np.abs(int8_weights(np.array([[1.0, -127.0]]))[0]).max() == 127


def test_the_largest_step_that_is_exact_is_taken() -> None:
    q, step, exact = int8_weights(np.array([[0.5, -1.0, 1.5], [0.0, 0.0, 0.0], [3.0, 3.0, -3.0]]))
    assert q.tolist() == [[1, -2, 3], [0, 0, 0], [1, 1, -1]]
    assert step.tolist() == [0.5, 1.0, 3.0]
    assert exact.all()


@pytest.mark.parametrize(("off", "whole"), [(1e-5, True), (4e-5, False), (0.01, False)])
def test_whole_but_for_float32_rounding_and_no_more(off: float, whole: bool) -> None:
    real = np.array([[126.0, 127.0, 1.0 + off]])
    assert exact_step(real)[1].tolist() == [whole]


def test_two_planes_are_the_nearest_number_of_16_bits() -> None:
    real = RNG.standard_normal((5, 40))
    high, low, step = int16_weights(real)
    whole = high.astype(np.int64) * BASE + low
    assert np.abs(np.abs(whole).max(1) - (127 * BASE + 127)).max() == 0
    assert (whole == np.rint(real / step[:, None])).all()
    ends = np.arange(-32512, 32513, dtype=np.float64)[None]  # every integer that two planes hold
    high, low, step = int16_weights(ends)
    assert step.tolist() == [1.0]
    assert (high.astype(np.int64) * BASE + low == ends).all()


@pytest.mark.parametrize("reach", [1, 255, 2**15, 2**20])
@pytest.mark.parametrize("inputs", [1, 9, 100])
def test_wide_weights_leave_their_sums_32_bits(reach: int, inputs: int) -> None:
    """Of weights just above the halves, all of which round up: the worst there is."""
    for real in (RNG.standard_normal((3, inputs)), np.full((1, inputs), 0.5 + 1e-9) + np.eye(1, inputs) * 7):
        q, step = wide_weights(real, reach)
        assert (np.abs(q.astype(np.int64)).sum(1) * reach < 2**31 - 1).all()
        assert np.abs(real - q * step[:, None]).max() <= step.max() / 2 * (1 + 1e-9)
        finer = np.rint(real / (step[:, None] * 0.99)).astype(np.int64)
        full = (np.abs(finer).max(1) > 32767) | ((np.abs(finer).sum(1) + inputs) * reach >= (2**31 - 1))
        assert full.all()  # as fine as they may be, but for the halves


def test_sums_of_weights_that_all_round_up_still_fit() -> None:
    """1000 weights whose step is set by their sum, each of which rounds up by nearly a half."""
    inputs, reach = 1000, 2**16
    room = (2**31 - 2) / reach  # 32767.99..: for the sum of |w|
    step = inputs / (room - inputs / 2)  # for weights of 1
    near = (np.floor(1 / step) + 0.5 + 1e-6) * step
    q, _ = wide_weights(np.full((1, inputs), near), reach)
    assert int(np.abs(q.astype(np.int64)).sum()) * reach < 2**31 - 1
