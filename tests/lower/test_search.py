# SPDX-License-Identifier: Apache-2.0
"""The threshold search finds what asking every integer one by one finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.lower.nets import Bits, Linear, lively, lowered
from xnorc.lower.bits import search as module
from xnorc.lower.bits.intervals import Clash, Intervals, intervals
from xnorc.lower.bits.search import TIE, search, search_among
from xnorc.program import ALWAYS, NEVER, from_map

Codes = Callable[[np.ndarray], np.ndarray]
steps = st.lists(st.integers(-60, 60), max_size=4, unique=True)


def chain(flips: list[list[int]], first: list[int]) -> Codes:
    """bit of site s at d: first[s], inverted once for every flip at or below d."""

    def codes(d: np.ndarray) -> np.ndarray:
        d = np.broadcast_to(d, (len(d), len(first)))
        columns = [
            sum(((d[:, s] >= t) * 1 for t in f), np.full(len(d), b)) % 2
            for s, (f, b) in enumerate(zip(flips, first, strict=True))
        ]
        return np.stack(columns, 1)

    return codes


def brute(codes: Codes, low: np.ndarray, high: np.ndarray, site: int) -> list[int]:
    bits = [int(codes(np.full((1, len(low)), d))[0, site]) for d in range(low[site], high[site] + 1)]
    return [int(low[site]) + i for i in range(1, len(bits)) if bits[i] != bits[i - 1]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(steps, st.integers(0, 1), st.integers(-70, 0), st.integers(1, 70)), min_size=1, max_size=5),
    st.integers(2, 40),
)
def test_every_flip_is_found_wherever_chunks_end(sites: list[tuple[list[int], int, int, int]], rows: int) -> None:
    codes = chain([s[0] for s in sites], [s[1] for s in sites])
    low, high = np.array([s[2] for s in sites]), np.array([s[3] for s in sites])
    before = module.CHUNK
    module.CHUNK = rows * len(sites)
    try:
        found = search(codes, low, high)
    finally:
        module.CHUNK = before
    for s in range(len(sites)):
        expected = brute(codes, low, high, s)
        assert found.count[s] == len(expected)
        assert [int(t) for t in found.at[s] if t <= high[s]] == expected[:2]
        assert found.first[s] == codes(low[None])[0, s]
    assert found.method == "exhaustive"


@pytest.mark.parametrize("rows", [2, 3, 5])
@pytest.mark.parametrize("high", range(1, 13))
def test_a_flip_is_found_at_every_integer_be_it_the_last_and_the_first_of_a_chunk(
    rows: int, high: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", rows)
    for at in range(1, high + 1):
        found = search(chain([[at]], [0]), np.array([0]), np.array([high]))
        assert (found.count.tolist(), found.at.tolist()) == ([1], [[at, high + 1]])
        if at < high:
            twice = search(chain([[at, high]], [1]), np.array([0]), np.array([high]))
            assert (twice.count.tolist(), twice.at.tolist(), twice.first.tolist()) == ([2], [[at, high]], [1])


@pytest.mark.parametrize("monotone", [True, False])
def test_a_tie_that_no_sum_meets_counts_as_one_where_thresholds_are_bisected_too(monotone: bool) -> None:
    def codes(d: np.ndarray) -> np.ndarray:
        return np.where(d == np.array([5, -7]), TIE, (d > np.array([5, -7])) ^ np.array([False, True]))

    low, high = np.full(2, -(2**27)), np.full(2, 2**27)
    found = search(codes, low, high, monotone, lambda d: d % 2 == 0)
    assert found.ties == ()
    assert found.at[:, 0].tolist() == [5, -6]  # 0 1 1 and 1 1 0 around the tie


@pytest.mark.parametrize("monotone", [True, False])
def test_bisection_agrees_with_a_known_threshold_over_sums_of_twenty_five_bits(monotone: bool) -> None:
    rng = np.random.default_rng(0)
    thr = rng.integers(-(2**24), 2**24, 500)
    flip = rng.integers(0, 2, 500)
    low, high = np.full(500, -(2**24)), np.full(500, 2**24)
    found = search(lambda d: (d >= thr) ^ flip, low, high, monotone)
    assert found.method == ("bisection" if monotone else "grid")
    assert (found.at[:, 0] == thr).all()
    assert (found.count == 1).all()
    assert (found.first == flip).all()


def test_a_grid_finds_both_ends_of_an_interval() -> None:
    rng = np.random.default_rng(1)
    lower = rng.integers(-(2**24), 0, 300)
    upper = lower + rng.integers(2**16, 2**23, 300)
    low, high = np.full(300, -(2**24)), np.full(300, 2**24)
    found = search(lambda d: (d >= lower) & (d < upper), low, high)
    assert (found.at == np.stack([lower, upper], 1)).all()
    assert (found.count == 2).all()


@pytest.mark.parametrize("monotone", [True, False])
@pytest.mark.parametrize("falls", [True, False])
def test_a_bisection_reports_the_ties_beside_its_flips(monotone: bool, falls: bool) -> None:
    thr = np.array([-5000, 0, 12345])

    def codes(d: np.ndarray) -> np.ndarray:
        return np.where(np.abs(d - thr) < 2, TIE, (d > thr) ^ falls)  # three integers tie

    low, high = np.full(3, -(2**29)), np.full(3, 2**29)
    found = search(codes, low, high, monotone)
    assert {site for site, _ in found.ties} == {0, 1, 2}
    assert all(abs(d - thr[site]) < 2 for site, d in found.ties)
    assert {site for site, _ in search(codes, low, high, monotone, lambda d: d % 2 == 0).ties} == {0, 1, 2}
    assert search(codes, low, high, monotone, lambda d: np.abs(d - thr) > 1).ties == ()


def test_among_few_integers_a_flip_is_the_first_that_differs() -> None:
    values = np.array([[-(2**30), -7], [0, -7], [5, 9], [2**30, 10], [2**30, 11]])

    def codes(d: np.ndarray) -> np.ndarray:
        return np.where(d == 9, TIE, d > 4)

    found = search_among(codes, values, np.array([0, 1, 1]))
    assert found.at[:, 0].tolist() == [5, 9, 9]
    assert found.count.tolist() == [1, 1, 1]
    assert found.ties == ((1, 9), (2, 9))
    assert search_among(lambda d: d > 2**31, values, np.array([0])).at.tolist() == [[2**30 + 1] * 2]


def test_memory_is_bounded_by_the_chunk() -> None:
    seen = []

    def codes(d: np.ndarray) -> np.ndarray:
        seen.append(d.size)
        return d >= 5

    search(codes, np.full(3, -(2**20)), np.full(3, 2**20))
    assert max(seen) <= module.CHUNK


def test_only_reachable_ties_are_reported() -> None:
    def codes(d: np.ndarray) -> np.ndarray:
        return np.where(d == 2, TIE, d > 2)

    low, high = np.array([-9]), np.array([9])
    assert search(codes, low, high).ties == ((0, 2),)
    odd = search(codes, low, high, reachable=lambda d: d % 2 == 1)
    assert odd.ties == ()
    assert odd.at[0, 0] in (2, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(-19, 20), max_size=2, unique=True), st.integers(0, 1)), min_size=1, max_size=6
    )
)
def test_intervals_say_what_the_flips_say(sites: list[tuple[list[int], int]]) -> None:
    flips, first = [sorted(s[0]) for s in sites], [s[1] for s in sites]
    codes = chain(flips, first)
    low, high = np.full(len(sites), -20), np.full(len(sites), 20)
    made = intervals(search(codes, low, high), np.arange(len(sites)), len(sites))
    assert isinstance(made, Intervals)
    assert all(t is None or ((t >= ALWAYS) & (t <= NEVER)).all() for t in (made.thr, made.thr2))
    thresholds = from_map(made.thr[None, None], made.flip, None if made.thr2 is None else made.thr2[None, None])
    d = np.arange(-20, 21)
    wide = np.repeat(d[:, None, None, None], len(sites), 3)
    assert (thresholds.apply(wide)[:, 0, 0] == codes(d[:, None])).all()


def test_a_channel_that_rises_here_and_falls_there_needs_no_second_flip_bit() -> None:
    codes = chain([[3], [-4]], [0, 1])
    found = search(codes, np.array([-9, -9]), np.array([9, 9]))
    made = intervals(found, np.array([0, 0]), 1)
    assert isinstance(made, Intervals)
    thresholds = from_map(made.thr.reshape(2, 1, 1), made.flip, made.thr2.reshape(2, 1, 1))
    d = np.arange(-9, 10)
    bits = thresholds.apply(np.repeat(d[:, None, None, None], 2, 1))
    assert (bits[:, :, 0, 0] == codes(d[:, None])).all()


def test_up_down_and_down_up_in_one_channel_is_refused() -> None:
    found = search(chain([[1, 5], [1, 5]], [0, 1]), np.array([-9, -9]), np.array([9, 9]))
    assert intervals(found, np.array([0, 0]), 1) == Clash((0,))


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_thresholds_that_were_found_on_a_grid_are_told(slope: float) -> None:
    """Evidence is no proof: who exports must know it without reading the layer report.  A PReLU that falls below 0 may
    flip twice, and the sums of 16-bit weights are too many to ask each."""
    stem = nn.Sequential(nn.Conv2d(1, 4, 3), nn.PReLU(init=slope), nn.BatchNorm2d(4), Bits())
    net = lively(nn.Sequential(stem, nn.Flatten(), Linear(64, 3)))
    told = [note for note in lowered(net, (1, 1, 6, 6), weight_bits=16).program.notes if "grid" in note]
    assert len(told) == (slope < 0)
    assert all("a bit that comes and goes between two of these would be missed" in note for note in told)
