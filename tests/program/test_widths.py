# SPDX-License-Identifier: Apache-2.0
"""What a node can hold and give, to the last number: the greatest that is accepted, and one more that is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from xnorc.errors import ProgramError
from xnorc.program import Kind, Node, Requant, Tensor, Window, from_map
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.gather import ZERO, Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.mix import Mix
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.table import Table

INT32, INT64 = 2**31, 2**63
WIDE = (-INT32, INT32 - 1)
ONE = np.ones(1, np.int32)


def tensor(name: str, kind: Kind, ch: int = 1, side: int = 1) -> Tensor:
    return Tensor(name, (side, side, ch), kind)


def affine(mul: list[int], add: list[int], **more: Any) -> Affine:
    ch = len(mul)
    fields: dict[str, Any] = {
        "name": "layer", "inputs": ("x",), "output": tensor("y", Kind.I32, ch), "shift": 62, "low": -9, "high": 9,
        "mul": np.array(mul, np.int32).reshape(1, 1, ch), "add": np.array(add, np.int64).reshape(1, 1, ch),
        "rows": np.zeros(1, np.uint8), "cols": np.zeros(1, np.uint8),
    }  # fmt: skip
    return Affine(**{**fields, **more})


def verified(node: Node, kind: Kind, *bounds: tuple[int, int], side: int = 1) -> tuple[int, int]:
    ch = node.output.shape[2]
    return node.verify(tuple(tensor(f"x{i}", kind, ch, side) for i in range(len(bounds))), bounds)


def test_an_affine_sum_takes_64_bits_and_not_one_more() -> None:
    """|v| <= 2 here; 2 mul + |add| must stay below 2^63, whatever the signs."""
    most = INT64 - 1 - 2 * 5
    for mul, add in (([5], [most]), ([-5], [most]), ([5], [-most]), ([1, -5], [-most, 3])):
        verified(affine(mul, add), Kind.I32, (-2, 1))
        beyond = [a + (1 if a > 3 else -1 if a < 0 else 0) for a in add]
        with pytest.raises(ProgramError, match="exceeds 64 bits"):
            verified(affine(mul, beyond), Kind.I32, (-2, 1))


def test_an_affine_shifts_by_at_most_62() -> None:
    verified(affine([1], [0]), Kind.I32, (0, 1))
    with pytest.raises(ProgramError, match="shift 63"):
        verified(affine([1], [0], shift=63), Kind.I32, (0, 1))


def test_the_bounds_of_an_affine_are_those_of_all_its_channels() -> None:
    """Channel 0 gives 1..7, channel 1 -8..4, both met."""
    node = affine([2, -4], [3, 0], shift=0, low=-99, high=99)
    assert verified(node, Kind.I8, (-1, 2)) == (-8, 7)
    assert verified(replace(node, low=-3, high=5), Kind.I8, (-1, 2)) == (-3, 5)
    assert verified(replace(node, low=20, high=30), Kind.I8, (-1, 2)) == (20, 20)


def mix(mul_a: int, mul_b: int, shift: int) -> Mix:
    return Mix(
        name="layer", inputs=("a", "b"), output=tensor("y", Kind.I32), mul_a=mul_a * ONE, mul_b=mul_b * ONE,
        shift=shift, low=-INT32, high=INT32 - 1,
    )  # fmt: skip


def test_a_mixed_sum_with_its_rounding_takes_64_bits_and_not_one_more() -> None:
    """2^31 - 1 times -2^31, twice, is -2^63 + 2^32: half a unit of 2^33 makes it less, on the other side more."""
    verified(mix(-INT32, -INT32, 0), Kind.I32, (0, INT32 - 1), (0, INT32 - 1))
    verified(mix(-INT32, -INT32, 0), Kind.I32, (-(INT32 - 1), 0), (-INT32, 0))  # 2^63 - 2^31
    for a, b in ((-INT32, -INT32), (-(INT32 - 1), -INT32)):
        node = mix(-INT32, -INT32, 0 if a == b else 32)  # 2^63; and 2^63 - 2^31 with a half of 2^31
        with pytest.raises(ProgramError, match="exceed 64 bits"):
            verified(node, Kind.I32, (a, 0), (b, 0))


def test_the_bounds_of_a_mixed_sum_are_met() -> None:
    node = mix(3, -5, 2)
    low, high = verified(node, Kind.I8, (-7, 6), (-3, 9))
    ends = [(3 * a - 5 * b + 2) >> 2 for a in (-7, 6) for b in (-3, 9)]
    assert (low, high) == (min(ends), max(ends))
    assert high == (18 + 15 + 2) // 4


def test_a_factor_of_a_join_fits_int16() -> None:
    node = Add(name="j", inputs=("a", "b"), output=tensor("y", Kind.I16), mul_a=32767, mul_b=-32767, low=-9, high=9)
    verified(node, Kind.I16, (-9, 9), (-9, 9))
    beyond: tuple[dict[str, Any], ...] = ({"mul_a": 32768}, {"mul_b": -32768}, {"shift": 16})
    for wide in beyond:
        with pytest.raises(ProgramError, match="multipliers must fit int16 and shift"):
            verified(replace(node, **wide), Kind.I16, (-9, 9), (-9, 9))


def test_halves_of_a_prelu_rise() -> None:
    """Slope 1/2 below 0: -1/2 becomes 0, -3/2 becomes -1."""
    zero = np.zeros(1, np.int32)
    node = PRelu(
        name="r", inputs=("x",), output=tensor("y", Kind.I16), before=zero, slope=np.array([2048], np.int16),
        after=zero, low=-99, high=99,
    )  # fmt: skip
    x = np.array([-4, -3, -2, -1, 0, 1], np.int16).reshape(-1, 1, 1, 1)
    assert node.run(x).reshape(-1).tolist() == [-2, -1, -1, 0, 0, 1]


def test_the_bounds_of_a_prelu_that_turns_reach_to_the_kink() -> None:
    """v = q - 2 falls to 0 at q = 2, where q is within the bounds; below 0 the slope is -2."""
    node = PRelu(
        name="r", inputs=("x",), output=tensor("y", Kind.I16), before=2 * ONE, slope=np.array([-8192], np.int16),
        after=3 * ONE, low=-99, high=99,
    )  # fmt: skip
    assert verified(node, Kind.I8, (-4, 5)) == (3, 15)
    assert verified(node, Kind.I8, (-4, 1)) == (5, 15)
    assert verified(node, Kind.I8, (4, 5)) == (5, 6)


def test_the_bounds_of_a_table_reach_to_the_end_of_the_last_interval() -> None:
    values = np.zeros(257, np.int16)
    values[[128, 129, 130, 131]] = 5, -7, 9, 100
    node = Table(name="t", inputs=("x",), output=tensor("y", Kind.I16), values=values)
    assert verified(node, Kind.I16, (0, 255)) == (-7, 5)
    assert verified(node, Kind.I16, (0, 256)) == (-7, 9)
    assert verified(node, Kind.I16, (256, 511)) == (-7, 9)
    assert int(node.run(np.array([511], np.int16).reshape(1, 1, 1, 1)).item()) == 9


def test_windows_that_lie_partly_outside_sum_less() -> None:
    window = Window(kh=2, kw=2, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    node = SumPool2d(name="s", inputs=("x",), output=tensor("y", Kind.I32, side=4), window=window)
    assert verified(node, Kind.I8, (3, 5), side=3) == (0, 20)
    assert verified(node, Kind.I8, (-5, -3), side=3) == (-20, 0)
    corner = node.run(np.full((1, 3, 3, 1), 3, np.int8))[0, 0, 0, 0]
    assert corner == 3  # below 4 * 3


def test_channels_of_zeros_lie_within_their_bounds() -> None:
    node = Gather(
        name="g", inputs=("x",), output=tensor("y", Kind.I8, 2), source=np.array([0, ZERO], np.uint8),
        channel=np.zeros(2, np.uint16),
    )  # fmt: skip
    assert verified(node, Kind.I8, (3, 5)) == (0, 5)
    assert verified(node, Kind.I8, (-5, -3)) == (-5, 0)


def test_an_integer_convolution_stays_below_the_greatest_int32() -> None:
    """65538 * 32767 is 2^31 - 2; the greatest int32 is NEVER, and sums must stay below it on either side."""
    source = tensor("x", Kind.I8, 65539)
    for sign in (1, -1):
        weights = np.full((1, 1, 1, 65539), sign * 32767, np.int16)
        weights[..., -1] = 0
        node = IConv2d(
            name="c", inputs=("x",), output=tensor("y", Kind.I32), weights=weights, window=Window(kh=1, kw=1)
        )
        assert node.verify((source,), ((-1, 1),)) == (-(INT32 - 2), INT32 - 2)
        weights[..., -1] = sign
        for bounds in ((0, 1), (-1, 0)):
            with pytest.raises(ProgramError, match="exceed int32"):
                node.verify((source,), (bounds,))


def test_the_bounds_of_a_convolution_hold_where_taps_are_skipped_or_constant() -> None:
    source = Tensor("x", (1, 2, 1), Kind.I8)
    skips = Window(kh=1, kw=2, pad_left=1)
    output, ones = Tensor("y", (1, 2, 1), Kind.I32), np.ones((1, 1, 2, 1), np.int8)
    node = IConv2d(name="c", inputs=("x",), output=output, weights=ones, window=skips)
    assert node.verify((source,), ((3, 5),)) == (0, 10)
    assert node.run(np.full((1, 1, 2, 1), 3, np.int8)).reshape(-1).tolist() == [3, 6]
    for value, expected in ((9, (0, 18)), (-9, (-18, 10))):
        constant = replace(node, window=replace(skips, pad_mode="constant", pad_value=value))
        assert constant.verify((source,), ((3, 5),)) == expected


def test_a_requantized_sum_takes_64_bits_and_32_once_shifted() -> None:
    def requant(mul: int, add: int, shift: int) -> Requant:
        return Requant(mul=mul * ONE, add=np.array([add], np.int64), shift=shift, low=-9, high=9)

    most = INT64 - 1 - 2 * 5
    assert requant(5, most, 62).fits((-1, 2))
    assert not requant(5, most + 1, 62).fits((-1, 2))
    assert requant(5, -most - 1, 62).fits((-1, 2))  # 5 * -1 less is -2^63 + 5
    assert not requant(5, -most - 1, 62).fits((-10, 2))
    assert requant(1, INT32 - 4, 0).fits((-1, 2))  # 2^31 - 2
    assert not requant(1, INT32 - 3, 0).fits((-1, 2))  # 2^31 - 1
    assert requant(1, -(INT32 - 3), 0).fits((-1, 2))  # -(2^31 - 2)
    assert not requant(1, -(INT32 - 2), 0).fits((-1, 2))
    assert requant(1, (INT32 - 2) << 8, 8).fits((-1, 255))
    assert not requant(1, (INT32 - 2) << 8, 8).fits((-1, 256))


def test_what_does_not_fit_the_kind_of_the_output_is_refused_to_the_unit() -> None:
    for kind in (Kind.I8, Kind.I16, Kind.I32):
        low, high = kind.range
        at = replace(affine([1], [0], shift=0, low=low, high=high), output=tensor("y", kind))
        assert verified(at, Kind.I32, (-INT32 + 1, INT32 - 1)) == (max(low, -INT32 + 1), high)
        beyond: tuple[dict[str, Any], ...] = ({"low": low - 1}, {"high": high + 1})
        for ends in beyond:
            if kind is not Kind.I32:
                with pytest.raises(ProgramError, match="beyond its"):
                    verified(replace(at, **ends), Kind.I32, (-INT32, INT32 - 1))


def test_256_classes_of_rows_or_columns_can_be_told_apart() -> None:
    for rows, cols in ((256, 1), (1, 256)):
        found = from_map(np.arange(256).reshape(rows, cols, 1), np.zeros(1, bool))
        assert found.apply(np.full((1, rows, cols, 1), 100)).reshape(-1).tolist() == [1] * 101 + [0] * 155
    for rows, cols in ((257, 1), (1, 257)):
        with pytest.raises(ProgramError, match="257 different rows of thresholds"):
            from_map(np.arange(257).reshape(rows, cols, 1), np.zeros(1, bool))
