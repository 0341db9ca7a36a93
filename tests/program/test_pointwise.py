# SPDX-License-Identifier: Apache-2.0
"""Pools, streams and routing equal their formulas, and never leave the bounds that were proved for them."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.errors import ProgramError
from xnorc.program import Kind, Tensor, Window
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d
from xnorc.program.nodes.gather import ZERO, Gather
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d

RNG = np.random.default_rng(3)
I16 = Kind.I16.range


def one_class(h: int, w: int) -> dict[str, np.ndarray]:
    return {"rows": np.zeros(h, np.uint8), "cols": np.zeros(w, np.uint8)}


def test_a_flipped_channel_pools_by_and() -> None:
    flip = np.array([False, True])
    sums = RNG.integers(-5, 6, (3, 4, 4, 2))
    window = Window(kh=2, kw=2, stride_h=2, stride_w=2)
    bits = ((sums >= 1) ^ flip).astype(np.uint8)
    node = BMaxPool2d(name="p", inputs=("x",), output=Tensor("y", (2, 2, 2), Kind.BIT), window=window, flip=flip)
    pooled_first = sums.reshape(3, 2, 2, 2, 2, 2).max(axis=(2, 4))
    np.testing.assert_array_equal(node.run(bits), (pooled_first >= 1) ^ flip)


def test_integer_pools_skip_what_lies_outside() -> None:
    window = Window(kh=3, kw=3, stride_h=2, stride_w=2, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    x = RNG.integers(-100, -1, (1, 5, 5, 2)).astype(np.int16)
    greatest = MaxPool2d(name="m", inputs=("x",), output=Tensor("y", (3, 3, 2), Kind.I16), window=window)
    total = SumPool2d(name="s", inputs=("x",), output=Tensor("y", (3, 3, 2), Kind.I32), window=window)
    for y in range(3):
        for c in range(3):
            area = x[0, max(0, 2 * y - 1) : 2 * y + 2, max(0, 2 * c - 1) : 2 * c + 2].reshape(-1, 2).astype(int)
            assert greatest.run(x)[0, y, c].tolist() == area.max(0).tolist()
            assert total.run(x)[0, y, c].tolist() == area.sum(0).tolist()


def test_a_pool_window_that_sees_no_pixel_is_refused() -> None:
    window = Window(kh=1, kw=1, pad_top=1)
    node = MaxPool2d(name="m", inputs=("x",), output=Tensor("y", (3, 2, 1), Kind.I16), window=window)
    with pytest.raises(ProgramError, match="wholly outside"):
        node.verify((Tensor("x", (2, 2, 1), Kind.I16),), (I16,))


def test_affine_floors_saturates_and_obeys_its_classes() -> None:
    mul = np.array([[[3, -7]], [[1, 2]]], np.int32)
    add = np.array([[[5, 0]], [[-9, 1]]], np.int64)
    node = Affine(
        name="a", inputs=("x",), output=Tensor("y", (2, 1, 2), Kind.I16), mul=mul, add=add, shift=2, low=-20, high=30,
        rows=np.array([0, 1], np.uint8), cols=np.zeros(1, np.uint8),
    )  # fmt: skip
    x = RNG.integers(-60, 60, (50, 2, 1, 2)).astype(np.int16)
    want = np.clip(np.floor((x * mul[:, :1] + add[:, :1]) / 4), -20, 30)
    np.testing.assert_array_equal(node.run(x), want)
    low, high = node.verify((Tensor("x", (2, 1, 2), Kind.I16),), ((-60, 59),))
    assert (low, high) == (-20, 30)


def test_affine_that_could_pass_64_bits_is_refused() -> None:
    node = Affine(
        name="a", inputs=("x",), output=Tensor("y", (1, 1, 1), Kind.I32), mul=np.full((1, 1, 1), 2**31 - 1, np.int32),
        add=np.full((1, 1, 1), 3 * 2**61, np.int64), shift=62, low=-5, high=5, **one_class(1, 1),
    )  # fmt: skip
    with pytest.raises(ProgramError, match="64 bits"):
        node.verify((Tensor("x", (1, 1, 1), Kind.I32),), (Kind.I32.range,))


@pytest.mark.parametrize(("mul_a", "mul_b", "shift"), [(1, 1, 0), (3, -5, 2), (1, 4, 1)])
def test_add_rounds_half_up_and_saturates(mul_a: int, mul_b: int, shift: int) -> None:
    node = Add(
        name="j", inputs=("a", "b"), output=Tensor("y", (1, 1, 4), Kind.I8), mul_a=mul_a, mul_b=mul_b, shift=shift,
        low=-128, high=127,
    )  # fmt: skip
    a, b = (RNG.integers(-300, 300, (200, 1, 1, 4)).astype(np.int16) for _ in range(2))
    want = np.clip(
        np.floor((a.astype(int) * mul_a + b.astype(int) * mul_b) / 2**shift + (0.5 if shift else 0)), -128, 127
    )
    got = node.run(a, b)
    np.testing.assert_array_equal(got, want)
    tensors = (Tensor("a", (1, 1, 4), Kind.I16), Tensor("b", (1, 1, 4), Kind.I16))
    low, high = node.verify(tensors, ((-300, 299), (-300, 299)))
    assert low <= got.min() <= got.max() <= high


def test_prelu_bounds_hold_for_negative_and_steep_slopes() -> None:
    ch = 6
    node = PRelu(
        name="r", inputs=("x",), output=Tensor("y", (1, 1, ch), Kind.I16), low=-32768, high=32767,
        before=np.array([0, 10, -10, 300, -300, 0], np.int32), slope=np.array([1024, -4096, 8192, 0, -1, 32767], "i2"),
        after=np.array([0, -5, 5, 7, 0, 1], np.int32),
    )  # fmt: skip
    q = np.arange(-500, 500, dtype=np.int16).reshape(-1, 1, 1, 1).repeat(ch, 3)
    got = node.run(q)
    low, high = node.verify((Tensor("x", (1, 1, ch), Kind.I16),), ((-500, 499),))
    assert (got.min(), got.max()) == (low, high)
    assert got[500, 0, 0, 0] == 0
    assert got[500 - 8, 0, 0, 0] == -2  # -8 * 0.25


def test_gather_concatenates_shuffles_pads_and_subsamples() -> None:
    a, b = (RNG.integers(-9, 9, (2, 5, 4, 3)).astype(np.int16) for _ in range(2))
    node = Gather(
        name="g", inputs=("a", "b"), output=Tensor("y", (3, 2, 4), Kind.I16), step_h=2, step_w=2,
        source=np.array([1, 0, ZERO, 1], np.uint8), channel=np.array([2, 0, 0, 1], np.uint16),
    )  # fmt: skip
    got = node.run(a, b)
    want = np.stack([b[:, ::2, ::2, 2], a[:, ::2, ::2, 0], 0 * a[:, ::2, ::2, 0], b[:, ::2, ::2, 1]], axis=-1)
    np.testing.assert_array_equal(got, want)
