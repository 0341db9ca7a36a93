# SPDX-License-Identifier: Apache-2.0
"""The arena planner: no overlap ever, the bound never beaten and nearly always met."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from xnorc.plan.arena import ALIGN, Block, Segment, aligned, live, place

STEPS = 12


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    pinned = Block((Segment(0, STEPS - 1, draw(st.integers(1, 200))),), 0)
    made = [pinned]
    for _ in range(draw(st.integers(0, 14))):
        cuts = sorted(draw(st.lists(st.integers(0, STEPS - 1), min_size=2, max_size=4)))
        sizes = [draw(st.integers(1, 300)) for _ in cuts[1:]]
        made.append(Block(tuple(Segment(a, b, n) for a, b, n in zip(cuts, cuts[1:], sizes, strict=False))))
    return made


def extent(block: Block, t: int) -> int:
    """Bytes that the block needs at node t."""
    return max((s.nbytes for s in block.segments if s.first <= t <= s.last), default=0)


@settings(max_examples=80, deadline=None)
@given(blocks())
def test_blocks_that_live_together_never_overlap(made: list[Block]) -> None:
    offsets, total = place(made)
    assert offsets[0] == 0
    assert all(at % ALIGN == 0 for at in offsets)
    assert all(at + block.nbytes <= total for at, block in zip(offsets, made, strict=True))
    for (a, p), (b, q) in itertools.combinations(zip(offsets, made, strict=True), 2):
        for t in range(STEPS):
            m, n = extent(p, t), extent(q, t)
            assert not (m and n) or a + m <= b or b + n <= a, f"overlap at node {t}"


@settings(max_examples=50, deadline=None)
@given(blocks())
def test_no_plan_beats_the_bound_and_equal_blocks_get_equal_plans(made: list[Block]) -> None:
    assert place(made)[1] >= max(live(made, STEPS))
    assert place(made) == place(made)


def test_a_chain_of_layers_meets_the_bound() -> None:
    sizes = [3072, 8192, 8192, 2048, 4096, 1024, 256, 40]
    chain = [Block((Segment(0, len(sizes) - 2, sizes[0]),), 0)]
    chain += [Block((Segment(t, min(t + 1, len(sizes) - 2), n),)) for t, n in enumerate(sizes[1:])]
    assert place(chain)[1] == max(live(chain, len(sizes) - 1)) == sum(map(aligned, (3072, 8192, 8192)))


def test_a_residual_network_meets_the_bound() -> None:
    # stream s(t) is read by a conv at t+1 and by the add at t+2
    made = [Block((Segment(0, 20, 100),), 0)]
    for t in range(0, 20, 2):
        made += [Block((Segment(t, t + 2, 4096),)), Block((Segment(t + 1, t + 2, 512),))]
    assert place(made)[1] == max(live(made, 21))
