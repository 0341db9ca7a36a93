# SPDX-License-Identifier: Apache-2.0
"""What the lookup kernel is given: its counters, run in numpy, end as the thresholds say, at every place."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.plan.lookup import LEVELS, _places, _start, build, planes_of, shapes, takes
from xnorc.program import ALWAYS, NEVER, Kind, Tensor, Thresholds, Window, unpack_bits
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.window import SKIP, take

RNG = np.random.default_rng(0)
SIDE = 4
AROUND = Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)


def conv(thr: np.ndarray | None, in_ch: int, window: Window = AROUND) -> tuple[BConv2d, Tensor]:
    source = Tensor("x", (SIDE, SIDE, in_ch), Kind.BIT)
    out_ch = 5 if thr is None else len(thr)
    shape = (*window.out_hw(SIDE, SIDE), out_ch)
    signs = (RNG.integers(0, 2, (out_ch, window.kh, window.kw, in_ch)) * 2 - 1).astype(np.int8)
    thresholds = None
    if thr is not None:
        thresholds = Thresholds(
            thr=thr.astype(np.int32).reshape(1, 1, -1), flip=np.zeros(out_ch, bool),
            rows=np.zeros(shape[0], np.uint8), cols=np.zeros(shape[1], np.uint8),
        )  # fmt: skip
    output = Tensor("y", shape, Kind.I32 if thr is None else Kind.BIT)
    node = BConv2d(name="c", inputs=("x",), output=output, weights=signs, window=window, thresholds=thresholds)
    return node, source


def counts(node: BConv2d, x: np.ndarray) -> np.ndarray:
    """Mismatches at every place and channel, taps outside the image read as bits 0."""
    rows, cols = node.window.rows(SIDE), node.window.cols(SIDE)
    total = np.zeros((len(x), *node.output.shape), np.int64)
    for ky in range(node.window.kh):
        for kx in range(node.window.kw):
            bits = take(x, rows[:, ky], cols[:, kx], 0, 0)
            wanted = node.weights[:, ky, kx] > 0
            total += (bits[..., None, :] != wanted).sum(-1)
    assert (rows == SKIP).any() == bool(node.window.pad_top)
    return total


def images(node: BConv2d, in_ch: int) -> np.ndarray:
    """Random ones, and for each channel windows that match in all taps and in none."""
    x = RNG.integers(0, 2, (40, SIDE, SIDE, in_ch)).astype(np.uint8)
    exact = np.zeros((len(node.weights), SIDE, SIDE, in_ch), np.uint8)
    exact[:, : node.window.kh, : node.window.kw] = node.weights > 0
    return np.concatenate([x, exact, 1 - exact])


@pytest.mark.parametrize("window", [AROUND, Window(kh=3, kw=3)])
@pytest.mark.parametrize("in_ch", [1, 2, 7])
def test_counters_end_as_the_thresholds_say(in_ch: int, window: Window) -> None:
    n = 9 * in_ch
    thr = np.array([-n - 2, -n - 1, -n, -n + 1, -n + 2, -1, 0, 1, n - 2, n - 1, n, n + 1, n + 2, ALWAYS, NEVER])
    node, source = conv(thr, in_ch, window)
    x = images(node, in_ch)
    planes = planes_of(node, 9)
    places = _places(node, source)
    start, _ = _start(node, places, planes)
    ends = start[np.ix_(places.rows, places.cols)] + counts(node, x)
    assert start.min() >= 0
    assert ends.max() < 2**planes
    np.testing.assert_array_equal(1 - (ends >> (planes - 1)), node.run(x))


def test_without_thresholds_counters_give_the_dot() -> None:
    node, source = conv(None, 3)
    x = images(node, 3)
    places = _places(node, source)
    start, base = _start(node, places, planes_of(node, 9))
    counted = start[np.ix_(places.rows, places.cols)] + counts(node, x)
    assert start.min() >= 0
    np.testing.assert_array_equal(base[np.ix_(places.rows, places.cols)][..., None] - 2 * counted, node.run(x))


@pytest.mark.parametrize(("in_ch", "planes"), [(63, 7), (64, 8), (127, 8), (128, 9)])
def test_a_counter_has_a_bit_above_every_count(in_ch: int, planes: int) -> None:
    node, _ = conv(np.zeros(1), in_ch, Window(kh=1, kw=1))
    assert planes_of(node, 1) == planes
    assert 2 ** (planes - 1) > node.fan_in


def test_a_counter_has_room_for_the_carries_of_a_chunk() -> None:
    """9 taps of one channel count to 9, but are added as 9 words of 32 lanes and a carry each: 297."""
    node, _ = conv(np.zeros(1), 1)
    assert planes_of(node, 9) == 9
    assert planes_of(node, 1) == 6


def test_lanes_beyond_the_last_channel_end_as_zero() -> None:
    node, source = conv(np.zeros(5), 3)
    shape = shapes(node, source)[0]
    planes = planes_of(node, shape.chunk)
    (bias,) = (array for name, array in build(node, source, shape).arrays() if name == "bias")
    lanes = unpack_bits(np.asarray(bias.values).reshape(-1, planes, 1), 32)  # (classes, planes, 32)
    spare = lanes[..., 5:]
    assert (spare[:, planes - 1] == 1).all()  # "more mismatches than allowed"
    assert not spare[:, : planes - 1].any()


@pytest.mark.parametrize(("in_ch", "fits"), [(2**23 - 1, True), (2**23, False)])
def test_counters_take_all_the_planes_that_the_kernel_has_and_no_more(in_ch: int, fits: bool) -> None:
    node = BConv2d(
        name="c", inputs=("x",), output=Tensor("y", (1, 1, 1), Kind.I32), window=Window(kh=1, kw=1),
        weights=np.ones((1, 1, 1, in_ch), np.int8),
    )  # fmt: skip
    assert takes(node) == fits
    assert planes_of(node, 1) == LEVELS + (0 if fits else 1)


@pytest.mark.parametrize("words_in", [1, 2, 3, 8, 31])
def test_the_lists_of_a_pixel_end_within_its_planes(words_in: int) -> None:
    """Lists are folded in pairs, whatever is in them: as many levels as the counts of words ask for."""
    for taps in range(1, 200):
        node = BConv2d(
            name="c", inputs=("x",), output=Tensor("y", (1, 1, 1), Kind.I32), window=Window(kh=1, kw=taps),
            weights=np.ones((1, 1, taps, 32 * words_in), np.int8),
        )  # fmt: skip
        light, heavy, level = taps, taps * words_in // 2, 0
        while level < 5:
            light, level = -(-light // 2), level + 1
        heavy += -(-(light + taps * words_in % 2) // 2)
        level = 6
        while heavy > 1:
            heavy, level = -(-heavy // 2), level + 1
        assert level <= planes_of(node, taps)
