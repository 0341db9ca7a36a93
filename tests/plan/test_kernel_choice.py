# SPDX-License-Identifier: Apache-2.0
"""Which kernel may take a node, and which output may take over its input's memory, to the last number."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.plan.kernel import kernels_of, shrinks
from xnorc.plan.kernels.affine import fits_48_bits
from xnorc.program import Kind, Tensor, Window, from_map
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.iconv2d import IConv2d


@pytest.mark.parametrize(
    ("source", "output", "ch", "may"),
    [
        (Kind.I16, Kind.I16, 3, True),
        (Kind.I32, Kind.I8, 3, True),
        (Kind.I8, Kind.I16, 3, False),
        (Kind.U8, Kind.I8, 3, True),
        (Kind.I16, Kind.I32, 3, False),
        (Kind.I32, Kind.BIT, 1, True),  # a word for a word
        (Kind.I16, Kind.BIT, 1, False),
        (Kind.I16, Kind.BIT, 2, True),
        (Kind.I8, Kind.BIT, 3, False),
        (Kind.I8, Kind.BIT, 4, True),
        (Kind.I8, Kind.BIT, 33, True),
        (Kind.BIT, Kind.I8, 4, False),  # bits are read by the pixel
        (Kind.BIT, Kind.BIT, 4, False),
    ],
)
def test_what_does_not_grow_may_be_written_in_place(source: Kind, output: Kind, ch: int, may: bool) -> None:
    shape = (3, 2, ch)
    assert shrinks(Tensor("x", shape, source), Tensor("y", shape, output)) == ((0,) if may else ())


def affine(mul: int, add: int, shift: int) -> Affine:
    return Affine(
        name="a", inputs=("x",), output=Tensor("y", (1, 1, 1), Kind.I16), mul=np.full((1, 1, 1), mul, np.int32),
        add=np.full((1, 1, 1), add, np.int64), shift=shift, low=-9, high=9, rows=np.zeros(1, np.uint8),
        cols=np.zeros(1, np.uint8),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mul", "add", "shift", "fits"),
    [
        (1, 0, 16, True),
        (1, 0, 15, False),
        (1, 0, 47, True),
        (1, 0, 48, False),
        (2**31 - 1, 2**46 - 1, 40, True),  # 2^46 - 2^15 + 2^46 - 1
        (-(2**31 - 1), -(2**46 - 1), 40, True),
        (-(2**31), 2**46 - 1, 40, True),  # 2^47 - 1
        (1, 2**46, 40, False),
        (1, -(2**46), 40, False),
    ],
)
def test_48_bits_are_filled_and_not_passed(mul: int, add: int, shift: int, fits: bool) -> None:
    made = affine(mul, add, shift)
    assert fits_48_bits(made) == fits
    names = [kernel.function for kernel in kernels_of(made, (Tensor("x", (1, 1, 1), Kind.I16),))]
    assert names == (["bnn_affine_i16", "bnn_affine_ref"] if fits else ["bnn_affine_ref"])


@pytest.mark.parametrize(("shift", "fast"), [(32, True), (31, False)])
def test_the_fast_kernel_from_32_bits_takes_shifts_of_a_word(shift: int, fast: bool) -> None:
    names = [kernel.function for kernel in kernels_of(affine(1, 0, shift), (Tensor("x", (1, 1, 1), Kind.I32),))]
    assert names == (["bnn_affine_i32", "bnn_affine_ref"] if fast else ["bnn_affine_ref"])


def iconv2d(h: int, in_ch: int = 3, groups: int = 1, thr2: int | None = None, weight: int = 3) -> IConv2d:
    shape = (h, 1, 4)
    thr, above = np.zeros(shape, np.int32), None if thr2 is None else np.full(shape, thr2, np.int32)
    return IConv2d(
        name="n", inputs=("x",), output=Tensor("y", shape, Kind.BIT), window=Window(kh=1, kw=1), groups=groups,
        weights=np.full((4, 1, 1, in_ch // groups), weight, np.int8),
        thresholds=from_map(thr, np.zeros(4, bool), above),
    )  # fmt: skip


def variants(conv: IConv2d, kind: Kind, in_ch: int) -> list[str]:
    return [kernel.label for kernel in kernels_of(conv, (Tensor("x", (conv.output.shape[0], 1, in_ch), kind),))]


@pytest.mark.parametrize(
    ("conv", "kind", "in_ch", "expected"),
    [
        (iconv2d(8), Kind.U8, 3, ["stem", "quads", "ref"]),
        (iconv2d(7), Kind.U8, 3, ["quads", "stem", "ref"]),
        (iconv2d(8, weight=-1), Kind.U8, 3, ["stem", "signs", "ref"]),
        (iconv2d(8, in_ch=8, groups=2), Kind.U8, 8, ["quads", "ref"]),
        (iconv2d(8, thr2=5), Kind.U8, 3, ["quads", "ref"]),
        (iconv2d(8, in_ch=258, weight=127), Kind.I16, 258, ["stem", "quads", "ref"]),
        (iconv2d(8, in_ch=259, weight=127), Kind.I16, 259, ["quads", "ref"]),
    ],
)
def test_weights_are_unpacked_for_maps_whose_sums_stay_below_2_to_the_30(
    conv: IConv2d, kind: Kind, in_ch: int, expected: list[str]
) -> None:
    assert variants(conv, kind, in_ch) == expected
