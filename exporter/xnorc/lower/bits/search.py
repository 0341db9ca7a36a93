# SPDX-License-Identifier: Apache-2.0
"""Where a chain's bit flips, as the integer in front of it grows.  numpy only; the chain is a callback.

A *site* is one independent question: a channel, or a channel at one class of places.  The callback answers all
sites at once: `codes(d)` takes int64 (K, S) and returns int8 (K, S) of 0, 1 or TIE.  `search` finds, for every
site, each integer t in (low, high] at which the bit of t differs from the bit of t - 1.

Up to EXHAUSTIVE evaluations, every integer is asked: the number of flips is then a fact.  Beyond, integers on a
grid are asked and each flip between two neighbours is bisected; that is a fact for chains proved monotone (two
grid points, the ends, then suffice) and evidence of the grid's fineness for others.  Memory is bounded by CHUNK
elements, whatever the range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xnorc.lower.chain.codes import TIE

EXHAUSTIVE = 2**27  # evaluations of one chain; about a second
CHUNK = 2**21  # elements in flight
GRID = 4097  # integers asked where not all can be

Codes = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Flips:
    """What `search` found for S sites.

    Attributes:
        first: uint8 (S,), the bit at `low`.
        count: int64 (S,), number of flips.
        at: int64 (S, 2), the first two integers whose bit differs from that of their predecessor; unused: high + 1.
        ties: (site, integer) pairs, reachable integers that give exactly 0, at most 16 of them.
        method: "exhaustive", "bisection" (proved monotone) or "grid".
    """

    first: np.ndarray
    count: np.ndarray
    at: np.ndarray
    ties: tuple[tuple[int, int], ...]
    method: str


def search(
    codes: Codes,
    low: np.ndarray,
    high: np.ndarray,
    monotone: bool = False,
    reachable: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Flips:
    """Find all flips of every site.

    Args:
        codes: the chain; see the module text.  TIE counts as 1 where no reachable integer meets it.
        low, high: int64 (S,), the integers site s can see, inclusive.
        monotone: every step of the chain is proved monotone, so a site flips at most once.
        reachable: int64 (K, S) -> bool (K, S): integers that can occur (parity); all by default.
    """
    low, high = np.asarray(low, np.int64), np.asarray(high, np.int64)
    span = int(high.max() - low.min()) + 1
    if span * len(low) <= EXHAUSTIVE:
        return _count(codes, low, high, reachable, _every(int(low.min()), int(high.max()), len(low)), "exhaustive")
    points = 2 if monotone else GRID
    grid = _grid(low, high, points)
    rough = _count(codes, low, high, reachable, iter([grid]), "bisection" if monotone else "grid")
    return _with_ties(codes, _bisect(codes, rough, grid), low, high, reachable)


def search_among(codes: Codes, values: np.ndarray, site_column: np.ndarray, monotone: bool = False) -> Flips:
    """`search` where few integers occur: a flip is the first of them whose bit differs from the bit of the one before.

    Args:
        codes: as in `search`.
        values: int64 (count, columns), rising down each column (repeats allowed).
        site_column: int64 (S,), the column of each site.
    """
    last = np.full(len(site_column), len(values) - 1)
    ranked = search(lambda rank: codes(values[rank, site_column]), np.zeros_like(last), last, monotone)
    found = values[np.minimum(ranked.at, len(values) - 1), site_column[:, None]]
    unused = values[-1, site_column][:, None] + 1
    ties = tuple((site, int(values[rank, site_column[site]])) for site, rank in ranked.ties)
    return Flips(ranked.first, ranked.count, np.where(ranked.at < len(values), found, unused), ties, ranked.method)


def _every(low: int, high: int, sites: int) -> Iterator[np.ndarray]:
    step = max(2, CHUNK // sites)
    for start in range(low, high + 1, step):
        yield np.arange(start, min(start + step, high + 1), dtype=np.int64)[:, None]


def _grid(low: np.ndarray, high: np.ndarray, points: int) -> np.ndarray:
    """(points, S) integers from low to high, ends included, rising (possibly with repeats)."""
    part = np.arange(points, dtype=np.int64)[:, None]
    return low + (high - low) * part // (points - 1)


def _count(
    codes: Codes,
    low: np.ndarray,
    high: np.ndarray,
    reachable: Callable[[np.ndarray], np.ndarray] | None,
    chunks: Iterator[np.ndarray],
    method: str,
) -> Flips:
    """Walk up the chunks of integers, carrying each site's last bit from one to the next."""
    sites = len(low)
    count, at = np.zeros(sites, np.int64), np.repeat(high[:, None] + 1, 2, axis=1)
    last: np.ndarray | None = None
    first = np.zeros(sites, np.uint8)
    ties: list[tuple[int, int]] = []
    for chunk in chunks:
        # Below `low` a site repeats its answer at `low`, above `high` that at `high`: no flips there.
        whole = chunk[0].min() >= low.max() and chunk[-1].max() <= high.min()
        d = np.broadcast_to(chunk, (len(chunk), sites)) if whole else np.clip(chunk, low, high)
        bits = codes(d)
        tied = bits == TIE
        if tied.any():
            seen = tied if reachable is None else tied & reachable(d)
            ties += [(int(s), int(d[k, s])) for k, s in np.argwhere(seen)[: 16 - len(ties)]]
            bits = np.where(tied, 1, bits)
        if last is None:
            first = last = bits[0].astype(np.uint8)
        _record(bits != np.concatenate([last[None], bits[:-1]]), d, count, at)
        last = bits[-1]
    return Flips(first, count, at, tuple(ties), method)


def _with_ties(
    codes: Codes,
    flips: Flips,
    low: np.ndarray,
    high: np.ndarray,
    reachable: Callable[[np.ndarray], np.ndarray] | None,
) -> Flips:
    """The ties that a bisection passes by: a tie counts as 1, so those of a rising bit begin at its flip, and those of
    a falling bit end ahead of it.  Two integers each way, since sums may be of one parity."""
    ties = list(flips.ties)
    for nth in range(2):
        d = np.clip(flips.at[:, nth] + np.arange(-2, 2)[:, None], low, high)
        tied = (codes(d) == TIE) & (flips.count > nth)
        if reachable is not None:
            tied &= reachable(d)
        ties += [(int(s), int(d[k, s])) for k, s in np.argwhere(tied)[: max(0, 16 - len(ties))]]
    return replace(flips, ties=tuple(ties))


def _record(changed: np.ndarray, d: np.ndarray, count: np.ndarray, at: np.ndarray) -> None:
    """Add the flips of one chunk, changed (K, S), to the counts and keep each site's first two."""
    new = changed.sum(axis=0)
    for nth in range(2):
        sites = np.flatnonzero((count <= nth) & (count + new > nth))
        if len(sites):
            wanted = nth - count[sites] + 1  # the how-many-th flip of this chunk that is
            k = (changed[:, sites].cumsum(axis=0) == wanted).argmax(axis=0)
            at[sites, nth] = d[k, sites]
    count += new


def _bisect(codes: Codes, rough: Flips, grid: np.ndarray) -> Flips:
    """Narrow the first two flips of every site, known between neighbours on the grid, to the integer."""
    sites = np.arange(grid.shape[1])
    at = rough.at.copy()
    for nth in range(2):
        active = rough.count > nth
        right = rough.at[:, nth]
        index = np.minimum((grid < right).sum(axis=0), len(grid) - 1)
        left = np.where(active, grid[np.maximum(index - 1, 0), sites], right - 1)
        before = rough.first ^ (nth & 1)
        while (active & (right - left > 1)).any():
            middle = np.where(active, (left + right) // 2, grid[0])
            bits = codes(middle[None])[0]
            same = np.where(bits == TIE, 1, bits) == before
            left = np.where(active & same, middle, left)
            right = np.where(active & ~same, middle, right)
        at[:, nth] = np.where(active, right, at[:, nth])
    return Flips(rough.first, rough.count, at, rough.ties, rough.method)
