# SPDX-License-Identifier: Apache-2.0
"""Convolution nodes equal the sum written out in loops, and torch where torch has the same padding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from xnorc.program import Kind, Tensor, Window, from_map
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d

RNG = np.random.default_rng(7)


def signs(*shape: int) -> np.ndarray:
    return (RNG.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def slow_dot(x: np.ndarray, weights: np.ndarray, window: Window, groups: int, fill: int) -> np.ndarray:
    """The sum in plain loops over one sample (h, w, in_ch) of numbers."""
    h, w, _ = x.shape
    out_h, out_w = window.out_hw(h, w)
    out_ch, kh, kw, per_group = weights.shape
    out = np.zeros((out_h, out_w, out_ch), np.int64)
    for y, xx, o in itertools.product(range(out_h), range(out_w), range(out_ch)):
        first = (o // (out_ch // groups)) * per_group
        for ky, kx in itertools.product(range(kh), range(kw)):
            iy = y * window.stride_h - window.pad_top + ky * window.dilation_h
            ix = xx * window.stride_w - window.pad_left + kx * window.dilation_w
            outside = not (0 <= iy < h and 0 <= ix < w)
            if outside and window.pad_mode == "skip":
                continue
            if outside and window.pad_mode == "constant":
                pixel = np.full(per_group, fill)
            else:
                iy, ix = (_fold(i, n, window.pad_mode) for i, n in ((iy, h), (ix, w)))
                pixel = x[iy, ix, first : first + per_group]
            out[y, xx, o] += int((pixel.astype(int) * weights[o, ky, kx]).sum())
    return out


def _fold(i: int, n: int, mode: str) -> int:
    if mode == "reflect":
        return -i if i < 0 else 2 * (n - 1) - i if i >= n else i
    return min(max(i, 0), n - 1)


WINDOWS = [
    Window(kh=1, kw=1),
    Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1),
    Window(kh=3, kw=2, stride_h=2, stride_w=1, pad_top=0, pad_left=1, pad_bottom=2, pad_right=0),
    Window(kh=3, kw=3, dilation_h=2, dilation_w=2, pad_top=2, pad_left=2, pad_bottom=2, pad_right=2),
    Window(kh=5, kw=5, pad_top=4, pad_left=4, pad_bottom=4, pad_right=4, pad_mode="constant", pad_value=1),
    Window(kh=5, kw=5, pad_top=4, pad_left=4, pad_bottom=4, pad_right=4, pad_mode="constant", pad_value=0),
    Window(kh=3, kw=3, pad_top=2, pad_left=3, pad_bottom=1, pad_right=2, pad_mode="replicate"),
    Window(kh=3, kw=3, pad_top=2, pad_left=2, pad_bottom=1, pad_right=2, pad_mode="reflect"),
]


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: f"{w.kh}x{w.kw}-{w.pad_mode}-{w.pad_value}")
@pytest.mark.parametrize(("in_ch", "out_ch", "groups"), [(1, 2, 1), (33, 3, 1), (6, 4, 2), (5, 5, 5)])
def test_binary_dot_is_the_loop_over_valid_taps(window: Window, in_ch: int, out_ch: int, groups: int) -> None:
    bits = RNG.integers(0, 2, (2, 4, 5, in_ch)).astype(np.uint8)
    weights = signs(out_ch, window.kh, window.kw, in_ch // groups)
    out = Tensor("y", (*window.out_hw(4, 5), out_ch), Kind.I32)
    node = BConv2d(name="c", inputs=("x",), output=out, weights=weights, window=window, groups=groups)
    node.verify((Tensor("x", (4, 5, in_ch), Kind.BIT),), ((0, 1),))
    got = node.run(bits)
    for sample in range(2):
        want = slow_dot(bits[sample].astype(int) * 2 - 1, weights, window, groups, window.pad_value * 2 - 1)
        np.testing.assert_array_equal(got[sample], want)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: f"{w.kh}x{w.kw}-{w.pad_mode}-{w.pad_value}")
@pytest.mark.parametrize("kind", [Kind.U8, Kind.I8, Kind.I16])
def test_integer_sum_is_the_loop_and_stays_within_its_proved_bounds(window: Window, kind: Kind) -> None:
    low, high = kind.range
    x = RNG.integers(low, high + 1, (1, 4, 5, 3)).astype(kind.dtype)
    weights = RNG.integers(-127, 128, (4, window.kh, window.kw, 3)).astype(np.int8)
    out = Tensor("y", (*window.out_hw(4, 5), 4), Kind.I32)
    node = IConv2d(name="c", inputs=("x",), output=out, weights=weights, window=window)
    least, most = node.verify((Tensor("x", (4, 5, 3), kind),), (kind.range,))
    got = node.run(x)
    np.testing.assert_array_equal(got[0], slow_dot(x[0].astype(int), weights, window, 1, window.pad_value))
    assert least <= got.min()
    assert got.max() <= most


def test_sums_past_the_float32_integers_stay_exact() -> None:
    # 2^24 + 1 is the first integer float32 cannot hold; 127 * 32767 * 9 * 8 is beyond it.
    window = Window(kh=3, kw=3)
    x = np.full((1, 3, 3, 8), 32767, np.int16)
    weights = np.full((1, 3, 3, 8), 127, np.int8)
    x[0, 0, 0, 0] = 1
    node = IConv2d(name="c", inputs=("x",), output=Tensor("y", (1, 1, 1), Kind.I32), weights=weights, window=window)
    assert node.run(x).item() == 127 * (32767 * 71 + 1)


def test_skipped_padding_equals_torch_zero_padding_after_a_sign() -> None:
    torch = pytest.importorskip("torch")
    window = Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, stride_h=2, stride_w=2)
    bits = RNG.integers(0, 2, (3, 7, 7, 40)).astype(np.uint8)
    weights = signs(33, 3, 3, 40)
    node = BConv2d(name="c", inputs=("x",), output=Tensor("y", (4, 4, 33), Kind.I16), weights=weights, window=window)
    want = torch.nn.functional.conv2d(
        torch.from_numpy(bits.transpose(0, 3, 1, 2).astype(np.float32) * 2 - 1),
        torch.from_numpy(weights.transpose(0, 3, 1, 2).astype(np.float32)), stride=2, padding=1,
    )  # fmt: skip
    np.testing.assert_array_equal(node.run(bits), want.numpy().transpose(0, 2, 3, 1))


def test_thresholds_turn_the_dot_into_bits_with_class_flip_and_interval() -> None:
    window = Window(kh=1, kw=1)
    thr = RNG.integers(-4, 5, (4, 4, 6))
    thr2 = thr + RNG.integers(0, 4, thr.shape)
    flip = np.array([0, 1, 0, 1, 1, 0], bool)
    bits = RNG.integers(0, 2, (5, 4, 4, 3)).astype(np.uint8)
    weights = signs(6, 1, 1, 3)
    plain = BConv2d(name="c", inputs=("x",), output=Tensor("y", (4, 4, 6), Kind.I16), weights=weights, window=window)
    fused = BConv2d(
        name="c", inputs=("x",), output=Tensor("y", (4, 4, 6), Kind.BIT), weights=weights, window=window,
        thresholds=from_map(thr, flip, thr2),
    )  # fmt: skip
    dot = plain.run(bits)
    np.testing.assert_array_equal(fused.run(bits), ((dot >= thr) & (dot < thr2)) ^ flip)
