# SPDX-License-Identifier: Apache-2.0
"""Weights of an integer convolution: exact int8 where the values have a common step, else the nearest of 8 or 16
bits."""

from __future__ import annotations

import numpy as np

LIMIT, LIMIT16 = 127, 32767
BASE = 255  # 16-bit weights are 255 * high + low with high and low in -127..127: every integer up to 32512, once
TOLERANCE = 2e-5  # in steps: float32 rounding of step * 127 is 127 * 2^-24 = 8e-6
CLIPS = np.linspace(1.0, 0.6, 41)  # shares of the greatest weight at which the int8 range may end
FEW = 64  # weights up to which one of many steps happens to suit most of them
FINE = np.linspace(1.0, 1.4, 321)  # and these are tried too: steps at which the greatest weight is less than 127


def exact_step(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(float64 step a channel, bool a channel: every weight of real (out_ch, inputs) is a whole number of steps,
    at most 127).

    The steps tried are max|w| / k for k <= 127; the smallest k that fits is taken.  Whole up to float32 rounding.
    """
    most = np.abs(real).max(axis=1)
    step = np.where(most > 0, most / LIMIT, 1.0)
    exact = most == 0
    for k in range(LIMIT, 0, -1):  # downwards, so that the smallest k stays
        trial = np.where(most > 0, most / k, 1.0)
        ratio = real / trial[:, None]
        fits = (np.abs(ratio - np.rint(ratio)) <= TOLERANCE).all(axis=1)
        step, exact = np.where(fits, trial, step), exact | fits
    return step, exact


def int8_weights(real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """real float64 (out_ch, inputs) -> (int8 of that shape, float64 step a channel, bool a channel: exact).

    Where a channel has no exact step, the range that gives the least mean square error is taken: the plain maximum,
    one of CLIPS of it with the few greatest weights saturated, or, of FEW weights, one of FINE.
    """
    step, exact = exact_step(real)
    most = np.abs(real).max(axis=1)
    best = np.where(exact, 0.0, np.inf)
    few = real.shape[1] <= FEW
    for clip in np.concatenate([CLIPS, FINE]) if few else CLIPS:
        trial = np.maximum(most * clip, 1e-300) / LIMIT
        error = ((_rounded(real, trial) * trial[:, None] - real) ** 2).sum(axis=1)
        better = error < best
        step, best = np.where(better & ~exact, trial, step), np.where(better, error, best)
    return _rounded(real, step).astype(np.int8), step, exact


def int16_weights(real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """real float64 (out_ch, inputs) -> (high int8, low int8, float64 step): w is about (255 high + low) * step."""
    most = np.abs(real).max(axis=1)
    step = np.where(most > 0, most / (LIMIT * BASE + LIMIT), 1.0)
    whole = np.rint(real / step[:, None])
    high = np.rint(whole / BASE)
    return high.astype(np.int8), (whole - high * BASE).astype(np.int8), step


def wide_weights(real: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """real float64 (out_ch, inputs) -> (int16 of that shape, float64 step a channel), as fine as sums over integers of
    magnitude up to `reach` stay within int32."""
    inputs = real.shape[1]
    room = (2**31 - 2) / max(reach, 1) - inputs / 2  # for the sum of |w|, which rounding can raise by 1/2 each
    step = np.maximum(np.abs(real).max(axis=1) / LIMIT16, np.abs(real).sum(axis=1) / room)
    step = np.where(step > 0, step, 1.0)
    return np.rint(real / step[:, None]).astype(np.int16), step


def _rounded(real: np.ndarray, step: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(real / step[:, None]), -LIMIT, LIMIT))
