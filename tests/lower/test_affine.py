# SPDX-License-Identifier: Apache-2.0
"""Fixed point: rounding of halves, and the last bit of every width."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.lower.bare import graph_of, last, lowering_of, values_of
from xnorc.errors import LowerError
from xnorc.lower.streams.affine import emit_affine, fixed_point
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine

GRAPH = graph_of(lambda x: x * 2, (1, 1, 1, 1))
SMALL = 2.0**-9  # a ratio that leaves room for 39 bits of shift


def test_the_multiplier_takes_31_bits_and_no_more() -> None:
    none = np.zeros(1)
    assert fixed_point(np.array([1.0]), none, 1) == 30
    assert fixed_point(np.array([0.5]), none, 1) == 31
    assert fixed_point(np.array([1 - 2.0**-31]), none, 1) == 31  # 2^31 - 1 exactly
    assert fixed_point(np.array([1 - 2.0**-33]), none, 1) == 30  # would round to 2^31
    assert fixed_point(np.array([-1.0, 0.25]), none, 1) == 30
    assert fixed_point(np.array([2.0**31 - 1]), none, 1) == 0
    assert fixed_point(np.array([2.0**-20]), none, 1) == 40  # more is never needed
    assert fixed_point(none, none, 1) == 40


def test_the_sum_takes_62_bits_and_no_more() -> None:
    """2 |start| + 2 times 2^shift must not pass 2^62; likewise with the greatest product in place of the start."""
    ratio = np.array([SMALL])
    assert fixed_point(ratio, np.array([2.0**29 - 1]), 1) == 32
    assert fixed_point(ratio, np.array([2.0**29]), 1) == 31
    assert fixed_point(ratio, np.array([-(2.0**29)]), 1) == 31
    assert fixed_point(ratio, np.zeros(1), (2**29 - 1) * 2**9) == 32
    assert fixed_point(ratio, np.zeros(1), 2**38) == 31
    assert fixed_point(ratio, np.array([2.0**61]), 1) == 0
    assert fixed_point(ratio, np.array([2.0**70]), 1) == 0


def test_every_product_and_sum_fits_and_one_bit_more_would_not() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        ratio = rng.uniform(-1, 1, 5) * 2.0 ** rng.integers(-30, 20)
        start = rng.uniform(-1, 1, 5) * 2.0 ** rng.integers(-30, 40)
        reach = int(2.0 ** rng.uniform(0, 31))
        shift = fixed_point(ratio, start, reach)
        mul = [round(Fraction(float(r)) * 2**shift) for r in ratio]
        add = [round(Fraction(float(s)) * 2**shift) + 2**shift // 2 for s in start]
        if shift:
            assert max(abs(m) for m in mul) < 2**31
            assert max(abs(a) + reach * abs(m) for a, m in zip(add, mul, strict=True)) < 2**62
        most = max(abs(Fraction(float(s))) for s in start), reach * max(abs(Fraction(float(r))) for r in ratio), 1
        wider = max(abs(Fraction(float(r))) for r in ratio) * 2 ** (shift + 1) > 2**31 - 1
        assert shift == 40 or wider or (2 * max(most) + 2) * 2 ** (shift + 1) > 2**62


def emitted(slope: float, offset: float, limits: tuple[int, int] = (-100, 100), reach: int = 7) -> Affine:
    lowering = lowering_of(GRAPH)
    tensor = Tensor("t", (1, 1, 1), Kind.I16)
    one = np.zeros(1, np.int64), np.array([slope]), np.array([offset])
    emit_affine(lowering, last(GRAPH), tensor, *one, Kind.I16, 1.0, limits, reach, "out")
    (made,) = lowering.builder.nodes
    assert isinstance(made, Affine)
    return made


def results(made: Affine, q: list[int]) -> list[int]:
    return [int(made.run(np.array(v).reshape(1, 1, 1, 1)).item()) for v in q]


def test_halves_rise() -> None:
    assert results(emitted(0.5, 0.0), [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]) == [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3]
    assert results(emitted(-0.5, 0.0), [-3, -1, 0, 1, 3]) == [2, 1, 0, 0, -1]
    assert results(emitted(1.0, 0.5), [-2, -1, 0, 1]) == [-1, 0, 1, 2]
    assert results(emitted(1.0, -0.5), [-2, -1, 0, 1]) == [-2, -1, 0, 1]


def test_a_unit_in_the_last_place_below_a_half_stays_below() -> None:
    below = emitted((2.0**31 - 1) / 2.0**32, 0.0, reach=1)
    assert (below.shift, int(below.mul.item())) == (32, 2**31 - 1)
    assert results(below, [1, -1]) == [0, 0]
    assert int(below.add.item()) == 2**31


def test_limits_are_met_and_not_passed() -> None:
    made = emitted(1.0, 0.0, limits=(-3, 2))
    assert results(made, [-5, -4, -3, -2, 1, 2, 3]) == [-3, -3, -3, -2, 1, 2, 2]


def test_places_that_agree_share_a_class_and_unread_ones_cost_none() -> None:
    lowering = lowering_of(GRAPH)
    tensor = Tensor("t", (3, 2, 2), Kind.I16)
    place = np.array([0, 1, 4, 5, 6, 7])  # row 0 at the left, row 1; nobody reads the rest
    slope = np.array([1.0, 2, 1, 2, 1, 2])
    emit_affine(lowering, last(GRAPH), tensor, place, slope, np.zeros(6), Kind.I16, 1.0, (-9, 9), 3, "out")
    (made,) = lowering.builder.nodes
    assert isinstance(made, Affine)
    assert made.mul.shape == (1, 1, 2)
    assert (made.mul.reshape(-1) == np.array([1, 2]) << made.shift).all()
    assert (made.rows.tolist(), made.cols.tolist()) == ([0, 0, 0], [0, 0])


def test_different_places_of_a_channel_get_classes_of_their_own() -> None:
    lowering = lowering_of(GRAPH)
    tensor = Tensor("t", (2, 2, 1), Kind.I16)
    offset = np.array([0.0, 0, 5, 5])  # the second row is shifted
    out = emit_affine(lowering, last(GRAPH), tensor, np.arange(4), np.ones(4), offset, Kind.I16, 1.0, (-9, 9), 3, "out")
    (made,) = lowering.builder.nodes
    assert isinstance(made, Affine)
    assert (made.rows.tolist(), made.cols.tolist()) == ([0, 1], [0, 0])
    got = values_of(lowering, {"t": np.array([1, 2, 3, -3]).reshape(1, 2, 2, 1)})[out.name]
    assert got.reshape(-1).tolist() == [1, 2, 8, 2]


def test_one_integer_that_stands_for_two_reals_is_refused() -> None:
    tensor = Tensor("t", (1, 1, 1), Kind.I16)
    twice = np.zeros(2, np.int64), np.array([1.0, 2.0]), np.zeros(2)
    with pytest.raises(LowerError, match="one integer stands for two different reals"):
        emit_affine(lowering_of(GRAPH), last(GRAPH), tensor, *twice, Kind.I16, 1.0, (-9, 9), 3, "out")
