# SPDX-License-Identifier: Apache-2.0
"""What a node clips is counted at the limits of the tensor's kind, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.program import Kind, Program, Requant, Tensor, Window
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.mix import Mix
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.saturation import saturation, saturation_of

LIMIT = 32767


def column(*values: int, kind: Kind = Kind.I16) -> np.ndarray:
    """(1, n, 1, 1)."""
    return np.array(values, kind.dtype).reshape(1, -1, 1, 1)


def out(rows: int, kind: Kind = Kind.I16) -> Tensor:
    return Tensor("y", (rows, 1, 1), kind)


def affine(rows: int, mul: int, low: int = -LIMIT, high: int = LIMIT, kind: Kind = Kind.I16, add: int = 0) -> Affine:
    return Affine(
        name="layer", inputs=("x",), output=out(rows, kind), shift=0, low=low, high=high,
        mul=np.full((1, 1, 1), mul, np.int32), add=np.full((1, 1, 1), add, np.int64),
        rows=np.zeros(rows, np.uint8), cols=np.zeros(1, np.uint8),
    )  # fmt: skip


def add(rows: int) -> Add:
    return Add(name="layer", inputs=("a", "b"), output=out(rows), low=-LIMIT, high=LIMIT)


def test_the_limit_itself_is_held_and_the_next_number_is_not() -> None:
    x = column(LIMIT, LIMIT - 1, -LIMIT, -LIMIT, 0)
    found = saturation_of(add(5), (x, column(0, 1, 0, -1, 0)))
    assert found is not None
    assert (found.elements, found.clipped, found.excess) == (5, 1, (LIMIT + 1) / LIMIT)
    assert saturation_of(add(5), (x, column(1, 1, -1, 0, 0))).clipped == 2
    assert saturation_of(add(1), (column(5), column(6))).excess == 0.0


@pytest.mark.parametrize(
    ("low", "high", "clipped"),
    [(-LIMIT, LIMIT, 2), (-LIMIT - 1, LIMIT, 2), (0, LIMIT, 1), (-LIMIT, 100, 1), (-100, 100, 0)],
)
def test_a_limit_tighter_than_the_kind_is_the_networks_own(low: int, high: int, clipped: int) -> None:
    found = saturation_of(affine(2, 4, low, high), (column(9000, -9000),))
    assert found is not None
    assert found.clipped == clipped


@pytest.mark.parametrize(("kind", "most"), [(Kind.I8, 127), (Kind.I16, 32767), (Kind.I32, 2**31 - 1)])
def test_every_kind_has_its_own_limit(kind: Kind, most: int) -> None:
    node = affine(3, 1, -most, most, kind, add=1)
    found = saturation_of(node, (np.array([most, most - 1, -5], np.int64).reshape(1, 3, 1, 1),))
    assert found is not None
    assert (found.clipped, found.elements) == (1, 3)


def test_all_operations_that_saturate_are_asked() -> None:
    ones = np.ones(1, np.int32)
    mix = Mix(name="m", inputs=("a", "b"), output=out(2), mul_a=ones, mul_b=3 * ones, shift=1, low=-LIMIT, high=LIMIT)
    assert saturation_of(mix, (column(2, 30000), column(2, 20000))).clipped == 1
    prelu = PRelu(
        name="p", inputs=("x",), output=out(2), before=0 * ones, slope=np.array([8192], np.int16), after=0 * ones,
        low=-LIMIT, high=LIMIT,
    )  # fmt: skip
    assert saturation_of(prelu, (column(-20000, 20000),)).clipped == 1
    requant = Requant(mul=ones, add=np.zeros(1, np.int64), shift=0, low=-LIMIT, high=LIMIT)
    conv = IConv2d(
        name="c", inputs=("x",), output=out(2), weights=np.full((1, 1, 1, 1), 100, np.int8), window=Window(kh=1, kw=1),
        requant=requant,
    )  # fmt: skip
    assert saturation_of(conv, (column(400, 300),)).clipped == 1
    plain = IConv2d(name="c", inputs=("x",), output=out(2, Kind.I32), weights=conv.weights, window=Window(kh=1, kw=1))
    assert saturation_of(plain, (column(400, 300),)) is None


def test_a_program_is_counted_batch_by_batch() -> None:
    image = Tensor("image", (2, 1, 1), Kind.U8)
    node = affine(2, 200)
    program = Program(
        name="p", input=image, nodes=(Affine(**{**vars(node), "inputs": ("image",)}),), output="y", notes=()
    )
    x = np.array([[0, 163], [164, 255], [1, 2]], np.uint8).reshape(3, 2, 1, 1)
    for batch in (1, 2, 16):
        (found,) = saturation(program, x, batch)
        assert (found.layer, found.tensor, found.elements, found.clipped) == ("layer", "y", 6, 2)
        assert found.excess == 255 * 200 / LIMIT
    assert str(found) == "layer: y clips 2 of 6 values (33 %), the greatest 1.56 times what it holds"
