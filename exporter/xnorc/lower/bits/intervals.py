# SPDX-License-Identifier: Apache-2.0
"""Flips of every site -> the fewest thresholds that say the same: `bit = (thr <= v [< thr2]) ^ flip`.

`flip` is one bit a channel while thresholds may differ from place to place, so a channel that rises at one place
and falls at another is written with intervals that are open on one side.  With g = bit ^ flip:

    g constant 0  [NEVER, NEVER)      g rises at t  [t, NEVER)          g rises at t, falls at u  [t, u)
    g constant 1  [ALWAYS, NEVER)     g falls at t  [ALWAYS, t)         g falls, then rises: no interval; flip the
    channel
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.lower.bits.search import Flips
from xnorc.program import ALWAYS, NEVER


@dataclass(frozen=True, eq=False)
class Intervals:
    """Per site thr and thr2 (int64; thr2 None where no site needs it), per channel flip (bool)."""

    thr: np.ndarray
    thr2: np.ndarray | None
    flip: np.ndarray


@dataclass(frozen=True)
class Clash:
    """Channels that no flip bit serves: the bit goes up and down at one place, down and up at another."""

    channels: tuple[int, ...]


def intervals(flips: Flips, channel: np.ndarray, channels: int) -> Intervals | Clash:
    """Thresholds of sites that belong to `channel` (S,), each flipping at most twice."""
    up, two = flips.first == 0, flips.count == 2
    needs_flip, needs_plain = _any(channel, channels, two & ~up), _any(channel, channels, two & up)
    if (needs_flip & needs_plain).any():
        return Clash(tuple(np.flatnonzero(needs_flip & needs_plain).tolist()))
    rises, falls = (_any(channel, channels, (flips.count == 1) & side) for side in (up, ~up))
    flip = needs_flip | (falls & ~rises & ~needs_plain)
    g_up = up ^ flip[channel]  # g starts at 0
    none, one = flips.count == 0, flips.count == 1
    low, high = flips.at[:, 0], flips.at[:, 1]
    thr = np.where(g_up, np.where(none, NEVER, low), ALWAYS)
    thr2 = np.where(two, high, np.where(one & ~g_up, low, NEVER))
    return Intervals(thr, thr2 if (thr2 != NEVER).any() else None, flip)


def _any(channel: np.ndarray, channels: int, holds: np.ndarray) -> np.ndarray:
    result = np.zeros(channels, bool)
    result[channel[holds]] = True
    return result
