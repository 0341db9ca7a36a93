# SPDX-License-Identifier: Apache-2.0
"""Images made to be awkward: of every kind, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.oracle.awkward import awkward, spread

SHAPE = (4, 5, 3)


@pytest.mark.parametrize("count", [4, 10, 40])
@pytest.mark.parametrize("given", [None, np.random.default_rng(5).integers(0, 256, (30, *SHAPE)).astype(np.uint8)])
def test_there_is_something_of_every_kind(given: np.ndarray | None, count: int) -> None:
    found = awkward(SHAPE, given, count)
    kinds = [images.kind for images in found]
    assert kinds == [*([] if given is None else ["calibration"]), "random", "extreme", "grey"]
    for images in found:
        assert images.x.dtype == np.uint8
        assert images.x.shape[1:] == SHAPE
        assert len(images.x)
    assert 4 <= sum(len(images.x) for images in found) <= count + 6
    again = awkward(SHAPE, given, count)
    assert all(np.array_equal(a.x, b.x) for a, b in zip(found, again, strict=True))


def test_extremes_are_black_and_white_first() -> None:
    extreme = next(images.x for images in awkward(SHAPE, None, 40) if images.kind == "extreme")
    assert not extreme[0].any()
    assert (extreme[1] == 255).all()
    assert len(np.unique(extreme.reshape(len(extreme), -1), axis=0)) == 6


@pytest.mark.parametrize(("total", "count", "expected"), [(5, 9, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (1, 4, [0])])
def test_a_spread_has_both_ends(total: int, count: int, expected: list[int]) -> None:
    assert spread(total, count).tolist() == expected
