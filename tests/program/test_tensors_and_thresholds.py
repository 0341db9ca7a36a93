# SPDX-License-Identifier: Apache-2.0
"""Packing, threshold classes, windows, and the stores they travel in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorc.errors import ProgramError
from xnorc.program import ALWAYS, NEVER, Kind, Tensor, Window, from_map, pack_bits, unpack_bits, words


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 100)), elements=st.integers(0, 1)))
def test_packing_round_trips_and_tail_bits_are_zero(bits: np.ndarray) -> None:
    packed = pack_bits(bits)
    assert packed.shape == (bits.shape[0], words(bits.shape[1]))
    np.testing.assert_array_equal(unpack_bits(packed, bits.shape[1]), bits)
    everything = unpack_bits(packed, words(bits.shape[1]) * 32)
    assert not everything[:, bits.shape[1] :].any()


def test_channel_c_is_bit_c_mod_32_of_word_c_div_32() -> None:
    bits = np.zeros(70, np.uint8)
    bits[[0, 33, 69]] = 1
    assert pack_bits(bits).tolist() == [1, 2, 32]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_tensor_packs_to_its_device_bytes_and_back(kind: Kind) -> None:
    tensor = Tensor("t", (2, 3, 37), kind)
    low, high = kind.range
    value = np.random.default_rng(1).integers(low, high + 1, tensor.shape).astype(kind.dtype)
    raw = tensor.pack(value)
    assert len(raw) == tensor.nbytes
    np.testing.assert_array_equal(tensor.unpack(raw), value)


@given(st.data())
def test_threshold_classes_reproduce_the_whole_map(data: st.DataObject) -> None:
    h, w, ch = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)))
    thr = data.draw(hnp.arrays(np.int32, (h, w, ch), elements=st.integers(-2, 2)))
    found = from_map(thr, np.zeros(ch, bool))
    np.testing.assert_array_equal(found.thr[np.ix_(found.rows, found.cols)], thr)
    assert found.rows[0] == 0
    assert found.cols[0] == 0


def test_a_tile_is_found_from_its_period_and_a_static_threshold_has_one_class() -> None:
    tile = np.arange(4).reshape(2, 2, 1)
    found = from_map(np.tile(tile, (4, 3, 1)), np.zeros(1, bool))
    assert found.thr.shape == (2, 2, 1)
    assert found.period == (2, 2)
    assert from_map(np.full((5, 7, 3), 9), np.zeros(3, bool)).thr.shape == (1, 1, 3)


def test_a_border_needs_classes_of_its_own() -> None:
    thr = np.zeros((6, 6, 1), int)
    thr[0] = thr[-1] = 1
    thr[:, 0] += 2
    found = from_map(thr, np.zeros(1, bool))
    assert found.rows.tolist() == [0, 1, 1, 1, 1, 0]
    assert found.cols.tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (Window(kh=0, kw=1), "below 1"),
        (Window(kh=5, kw=5), "does not fit"),
        (Window(kh=1, kw=1, pad_mode="wrap"), "pad mode"),
        (Window(kh=3, kw=3, pad_top=4, pad_left=0, pad_bottom=0, pad_right=0, pad_mode="reflect"), "reflect"),
    ],
)
def test_a_senseless_window_is_refused(window: Window, says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        window.verify("conv1", 4, 4)


@pytest.mark.parametrize(
    ("bounds", "fits"),
    [
        ((ALWAYS + 1, NEVER - 1), True),
        ((ALWAYS, 0), False),
        ((ALWAYS - 1, 0), False),
        ((0, NEVER), False),
        ((0, NEVER + 1), False),
    ],
)
def test_values_must_stay_between_the_extreme_thresholds(bounds: tuple[int, int], fits: bool) -> None:
    """At a value of NEVER, `v >= NEVER` would hold; at one of ALWAYS or below, ALWAYS would say nothing."""
    constant = from_map(np.array([ALWAYS, NEVER]).reshape(1, 1, 2), np.zeros(2, bool))
    if fits:
        constant.verify("layer", (1, 1, 2), bounds)
        ends = np.array(bounds)[:, None, None, None].repeat(2, 3)
        assert constant.apply(ends).reshape(2, 2).tolist() == [[1, 0], [1, 0]]
    else:
        with pytest.raises(ProgramError, match="can meet the extreme thresholds"):
            constant.verify("layer", (1, 1, 2), bounds)


def test_a_class_of_thresholds_must_exist() -> None:
    two = from_map(np.arange(4).reshape(2, 2, 1), np.zeros(1, bool))
    two.verify("layer", (2, 2, 1), (-9, 9))
    for name in ("rows", "cols"):
        with pytest.raises(ProgramError, match="a class of thresholds that does not exist"):
            replace(two, **{name: np.array([0, 2], np.uint8)}).verify("layer", (2, 2, 1), (-9, 9))
