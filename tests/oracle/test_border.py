# SPDX-License-Identifier: Apache-2.0
"""Neighbours at a border are one grey level of one number apart, and get different answers."""

from __future__ import annotations

import numpy as np

from xnorc.oracle.border import at_border, bits_of
from xnorc.program import Kind, Program, Tensor, Thresholds
from xnorc.program.nodes.threshold import Threshold

SHAPE = (4, 5, 3)


def images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


def brightness(x: np.ndarray) -> np.ndarray:
    """Three labels, by the sum of all numbers; some of the images are on either side of each."""
    sums = x.reshape(len(x), -1).astype(np.int64).sum(1)
    middle = np.sort(images().reshape(12, -1).astype(np.int64).sum(1))
    return np.digitize(sums, [middle[3], middle[8]])


def test_neighbours_are_one_level_apart_and_get_different_answers() -> None:
    found = at_border(images(), brightness, 5, np.random.default_rng(0))
    assert len(found) == 10
    for near, far in zip(found[::2], found[1::2], strict=True):
        assert np.abs(near.astype(int) - far.astype(int)).sum() == 1
        assert brightness(near[None]) != brightness(far[None])


def test_one_answer_for_all_has_no_border() -> None:
    assert at_border(images(), lambda x: np.zeros(len(x), int), 5, np.random.default_rng(0)).shape == (0, *SHAPE)


def test_the_bits_that_are_asked_vary_and_their_border_is_the_threshold() -> None:
    thr = np.full((1, 1, 3), 100, np.int32)
    zeros = np.zeros(4, np.uint8), np.zeros(5, np.uint8)
    thresholds = Thresholds(thr=thr, flip=np.zeros(3, bool), rows=zeros[0], cols=zeros[1])
    bits = Threshold(name="t", inputs=("image",), output=Tensor("bits", SHAPE, Kind.BIT), thresholds=thresholds)
    program = Program(name="p", input=Tensor("image", SHAPE, Kind.U8), nodes=(bits,), output="bits", notes=())
    (answer,) = bits_of(program, images())
    found = at_border(images(), answer, 3, np.random.default_rng(0))
    assert len(found) == 6
    for near, far in zip(found[::2], found[1::2], strict=True):
        place = np.flatnonzero(near.reshape(-1) != far.reshape(-1))
        assert sorted((int(near.reshape(-1)[place[0]]), int(far.reshape(-1)[place[0]]))) == [99, 100]
    flat = np.full((4, *SHAPE), 7, np.uint8)
    assert bits_of(program, flat) == []
