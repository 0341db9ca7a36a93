# SPDX-License-Identifier: Apache-2.0
"""Where tensors lie: offsets into one arena such that no two that live at the same time overlap.

Time is counted in nodes: while node t runs, its inputs, its output and its scratch live.  A chain of tensors that
take over one another's memory in place is one block, whose size may change from segment to segment.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

ALIGN = 8  # bytes; the arena's own alignment and that of every offset
_SHUFFLES = 200  # tries of the local search where the greedy orders miss the bound


@dataclass(frozen=True)
class Segment:
    """`nbytes` needed from node `first` to node `last`, both included."""

    first: int
    last: int
    nbytes: int


@dataclass(frozen=True)
class Block:
    """What gets one offset.

    Attributes:
        segments: in order of time; neighbours may share a node, where the larger counts.
        at: a fixed offset, or None.
    """

    segments: tuple[Segment, ...]
    at: int | None = None

    @property
    def nbytes(self) -> int:
        """The greatest need."""
        return max(s.nbytes for s in self.segments)

    @property
    def area(self) -> int:
        """Bytes times nodes."""
        return sum(s.nbytes * (s.last - s.first + 1) for s in self.segments)


def aligned(nbytes: int) -> int:
    """Rounded up to ALIGN."""
    return -(-nbytes // ALIGN) * ALIGN


def live(blocks: Sequence[Block], steps: int) -> list[int]:
    """Bytes that live while each node runs: no arena is smaller than the greatest of them."""
    total = [0] * steps
    for block in blocks:
        need: dict[int, int] = {}
        for segment in block.segments:
            for t in range(segment.first, min(segment.last, steps - 1) + 1):
                need[t] = max(need.get(t, 0), aligned(segment.nbytes))
        for t, nbytes in need.items():
            total[t] += nbytes
    return total


def place(blocks: Sequence[Block]) -> tuple[list[int], int]:
    """Offsets of the blocks, and the arena's bytes.

    Greedy first fit in several orders, the best kept; where none meets the lower bound, pairs of the best order
    are swapped as long as that helps (a fixed seed, so that equal programs get equal plans).
    """
    steps = 1 + max((s.last for b in blocks for s in b.segments), default=0)
    bound = max(live(blocks, steps), default=0)
    everything = range(len(blocks))
    orders = [
        sorted(everything, key=lambda i: (-blocks[i].nbytes, blocks[i].segments[0].first)),
        sorted(everything, key=lambda i: (-blocks[i].area, i)),
        sorted(everything, key=lambda i: (blocks[i].segments[0].first, -blocks[i].nbytes)),
        sorted(everything, key=lambda i: (blocks[i].segments[0].first - blocks[i].segments[-1].last, i)),
    ]
    clashes = [[j for j in everything if j != i and _meet(blocks[i], blocks[j])] for i in everything]
    best, order = min(((_first_fit(blocks, order, clashes), order) for order in orders), key=lambda pair: pair[0][1])
    dice = random.Random(0)
    for _ in range(_SHUFFLES):
        if best[1] <= bound or len(blocks) < 3:
            break
        i, j = dice.sample(everything, 2)
        trial = list(order)
        trial[i], trial[j] = trial[j], trial[i]
        placed = _first_fit(blocks, trial, clashes)
        if placed[1] <= best[1]:
            best, order = placed, trial
    return best


def _meet(a: Block, b: Block) -> bool:
    return any(p.first <= q.last and q.first <= p.last for p in a.segments for q in b.segments)


def _first_fit(blocks: Sequence[Block], order: Sequence[int], clashes: list[list[int]]) -> tuple[list[int], int]:
    offsets: dict[int, int] = {i: at for i, block in enumerate(blocks) if (at := block.at) is not None}
    for i in order:
        if i in offsets:
            continue
        taken = sorted(
            (offsets[j], offsets[j] + height)
            for j in clashes[i]
            if j in offsets and (height := _height(blocks[i], blocks[j]))
        )
        need, at = aligned(blocks[i].nbytes), 0
        for low, high in taken:
            if at + need <= low:
                break
            at = max(at, high)
        offsets[i] = at
    return [offsets[i] for i in range(len(blocks))], max(
        (offsets[i] + aligned(block.nbytes) for i, block in enumerate(blocks)), default=0
    )


def _height(mine: Block, other: Block) -> int:
    """Bytes of `other` that must stay clear of `mine`: its greatest segment among those that meet it in time."""
    heights = [q.nbytes for q in other.segments for p in mine.segments if p.first <= q.last and q.first <= p.last]
    return aligned(max(heights, default=0))
