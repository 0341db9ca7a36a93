# SPDX-License-Identifier: Apache-2.0
"""The check of thresholds on whole maps: silent on right ones, and on no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.lower.bare import graph_of, last, whole_numbers
from xnorc.capture import Finite
from xnorc.errors import LowerError
from xnorc.lower.bits.confirm import Part, confirm
from xnorc.lower.dots.operand import rows_to_bits
from xnorc.program import Kind, Tensor, Thresholds

SHAPE = (1, 2, 3, 4)
CUT = torch.tensor([2.5, -3.0]).view(1, 2, 1, 1)
RIGHT = np.array([3, -3])  # x >= CUT in whole numbers


def checked(thr: np.ndarray, flip: bool = False, thr2: np.ndarray | None = None) -> None:
    """Of bits x >= CUT over whole numbers within +-20."""
    graph = graph_of(lambda x: torch.where(x >= CUT, 1.0, -1.0), SHAPE)
    source = whole_numbers(graph.input, Tensor("t", (3, 4, 2), Kind.I16), -20, 20)
    thresholds = Thresholds(
        thr=thr.astype(np.int32), flip=np.full(2, flip), rows=np.array([0, 0, 1], np.uint8) % thr.shape[0],
        cols=np.array([0, 0, 0, 1], np.uint8) % thr.shape[1], thr2=None if thr2 is None else thr2.astype(np.int32),
    )  # fmt: skip
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    bit_of_row = rows_to_bits(value)
    assert bit_of_row is not None
    confirm(graph, value.src, [Part(source, thresholds)], bit_of_row, lambda maps: maps[0].reshape(-1)[source.at])


def test_right_thresholds_are_confirmed() -> None:
    checked(RIGHT.reshape(1, 1, 2))
    checked(np.broadcast_to(RIGHT, (2, 2, 2)))


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("off", [-1, 1])
def test_one_off_in_one_channel_of_some_rows_is_refused(channel: int, off: int) -> None:
    thr = np.broadcast_to(RIGHT, (2, 1, 2)).copy()
    thr[0, 0, channel] += off
    with pytest.raises(LowerError, match="bits differ between this operation run on a map and on its elements"):
        checked(thr)


@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("upper", [False, True])
def test_one_off_at_one_place_of_a_large_map_cannot_be_missed(off: int, upper: bool) -> None:
    """Every place meets every integer beside its threshold, whatever the random numbers are."""
    h, w = 40, 30
    graph = graph_of(lambda x: torch.where((x >= 3) & (x < 9), 1.0, -1.0), (1, 1, h, w))
    source = whole_numbers(graph.input, Tensor("t", (h, w, 1), Kind.I16), -20, 20)
    thr, thr2 = np.full((h, w, 1), 3, np.int32), np.full((h, w, 1), 9, np.int32)
    (thr2 if upper else thr)[23, 17, 0] += off
    thresholds = Thresholds(
        thr=thr, thr2=thr2, flip=np.zeros(1, bool), rows=np.arange(h, dtype=np.uint8), cols=np.arange(w, dtype=np.uint8)
    )
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    bits = rows_to_bits(value)
    assert bits is not None
    with pytest.raises(LowerError, match=r"1 of 1200 bits differ .*0, 0, 23, 17|np.int64\(23\), np.int64\(17\)"):
        confirm(graph, value.src, [Part(source, thresholds)], bits, lambda maps: maps[0].reshape(-1)[source.at])


def test_a_flip_and_a_second_threshold_are_checked_too() -> None:
    one = RIGHT.reshape(1, 1, 2)
    with pytest.raises(LowerError, match="24 of 24 bits differ"):
        checked(one, flip=True)
    with pytest.raises(LowerError, match="bits differ"):
        checked(one, thr2=one + 6)


def test_a_sum_that_ties_is_nobodys_fault() -> None:
    graph = graph_of(lambda x: torch.sign(x - 1), SHAPE)
    source = whole_numbers(graph.input, Tensor("t", (3, 4, 2), Kind.I16), -20, 20)
    value = graph.values[last(graph)]
    assert isinstance(value, Finite)
    zeros = (np.zeros(3, np.uint8), np.zeros(4, np.uint8))
    for at, right in ((1, True), (2, True), (3, False), (0, False)):  # 1 itself may be either
        thr = Thresholds(thr=np.full((1, 1, 2), at, np.int32), flip=np.zeros(2, bool), rows=zeros[0], cols=zeros[1])
        parts = [Part(replace(source), thr)]
        if right:
            confirm(graph, value.src, parts, (0, None, 1), lambda maps: maps[0].reshape(-1)[source.at])
        else:
            with pytest.raises(LowerError, match="bits differ"):
                confirm(graph, value.src, parts, (0, None, 1), lambda maps: maps[0].reshape(-1)[source.at])
