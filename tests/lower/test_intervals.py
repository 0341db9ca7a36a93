# SPDX-License-Identifier: Apache-2.0
"""Flips as thresholds: the fewest, in their plainest form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from xnorc.lower.bits.intervals import Clash, Intervals, intervals
from xnorc.lower.bits.search import Flips
from xnorc.program import ALWAYS, NEVER, from_map

HIGH = 10  # integers are -10..10; an unused flip is HIGH + 1


def flips(*sites: tuple[int, tuple[int, ...]]) -> Flips:
    """Sites as (first bit, the integers at which it changes)."""
    at = np.array([[*where, HIGH + 1, HIGH + 1][:2] for _, where in sites])
    count = np.array([len(where) for _, where in sites])
    return Flips(np.array([first for first, _ in sites], np.uint8), count, at, (), "exhaustive")


def made(*sites: tuple[int, tuple[int, ...]], channel: list[int] | None = None) -> Intervals:
    of = list(range(len(sites))) if channel is None else channel
    found = intervals(flips(*sites), np.array(of), max(of) + 1)
    assert isinstance(found, Intervals)
    return found


def test_a_rising_channel_is_one_threshold() -> None:
    found = made((0, (3,)))
    assert (found.thr.tolist(), found.thr2, found.flip.tolist()) == ([3], None, [False])


def test_a_falling_channel_is_one_threshold_and_a_flip() -> None:
    found = made((1, (3,)))
    assert (found.thr.tolist(), found.thr2, found.flip.tolist()) == ([3], None, [True])


def test_constant_channels_lie_at_the_extremes() -> None:
    found = made((0, ()), (1, ()))
    assert (found.thr.tolist(), found.thr2, found.flip.tolist()) == ([NEVER, ALWAYS], None, [False, False])


def test_two_flips_are_an_interval_which_a_flip_turns_inside_out() -> None:
    found = made((0, (-2, 5)), (1, (-2, 5)))
    assert found.thr2 is not None
    assert (found.thr.tolist(), found.thr2.tolist()) == ([-2, -2], [5, 5])
    assert found.flip.tolist() == [False, True]


def test_a_constant_beside_a_falling_place_of_its_channel_is_flipped_with_it() -> None:
    found = made((1, (3,)), (0, ()), (1, ()), channel=[0, 0, 0])
    assert (found.thr.tolist(), found.thr2, found.flip.tolist()) == ([3, ALWAYS, NEVER], None, [True])


def test_a_falling_place_beside_a_rising_one_is_an_interval_open_below() -> None:
    found = made((0, (3,)), (1, (-4,)), channel=[0, 0])
    assert found.thr2 is not None
    assert (found.thr.tolist(), found.thr2.tolist()) == ([3, ALWAYS], [NEVER, -4])
    assert found.flip.tolist() == [False]


def test_up_and_down_beside_down_and_up_is_a_clash_of_that_channel_alone() -> None:
    found = intervals(flips((0, (1,)), (0, (1, 5)), (1, (1, 5))), np.array([0, 2, 2]), 3)
    assert found == Clash((2,))


SITES = [(first, at) for first in (0, 1) for at in ((), (2,), (-3,), (-3, 2))]


@pytest.mark.parametrize("sites", list(itertools.product(SITES, SITES)))
def test_every_pair_of_places_says_the_bits_it_was_made_of(sites: tuple[tuple[int, tuple[int, ...]], ...]) -> None:
    found = intervals(flips(*sites), np.array([0, 0]), 1)
    two = [first for first, at in sites if len(at) == 2]
    if len(set(two)) == 2:
        assert found == Clash((0,))
        return
    assert isinstance(found, Intervals)
    thr2 = None if found.thr2 is None else found.thr2.reshape(2, 1, 1)
    table = from_map(found.thr.reshape(2, 1, 1), found.flip, thr2)
    d = np.arange(-HIGH, HIGH + 1)
    bits = table.apply(np.repeat(d[:, None, None, None], 2, 1))[:, :, 0, 0]
    for site, (first, at) in enumerate(sites):
        assert (bits[:, site] == (first + sum((d >= a).astype(int) for a in at)) % 2).all()
    if found.thr2 is not None:  # a second threshold only where one cannot do
        kinds = {first for first, at in sites if len(at) == 1}
        assert two or len(kinds) == 2
