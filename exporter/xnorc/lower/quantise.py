# SPDX-License-Identifier: Apache-2.0
"""Weights of an integer convolution: exact int8 where the values have a common step, else the nearest int8 a channel."""

from __future__ import annotations

import numpy as np

LIMIT = 127
TOLERANCE = 2e-5  # in steps: float32 rounding of step * 127 is 127 * 2^-24 = 8e-6


def int8_weights(real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """real float64 (out_ch, inputs) -> (int8 of that shape, float64 step a channel, bool a channel: exact up to float rounding).

    A channel is exact when some step max|w| / k, k <= 127, makes every weight a whole number; the smallest such k is taken.  Else
    the step is max|w| / 127 and weights are rounded to the nearest: an error of at most half a step each.
    """
    most = np.abs(real).max(axis=1)
    step = np.where(most > 0, most / LIMIT, 1.0)
    exact = most == 0
    for k in range(LIMIT, 0, -1):  # downwards, so that the smallest k stays
        trial = np.where(most > 0, most / k, 1.0)
        ratio = real / trial[:, None]
        fits = (np.abs(ratio - np.rint(ratio)) <= TOLERANCE).all(axis=1)
        step, exact = np.where(fits, trial, step), exact | fits
    return np.rint(real / step[:, None]).astype(np.int8), step, exact
