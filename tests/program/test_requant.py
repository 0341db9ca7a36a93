# SPDX-License-Identifier: Apache-2.0
"""Requantization inside a convolution: the Affine's formula, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnorc.errors import ProgramError
from xnorc.program import Kind, Program, Requant, Tensor, Window, load, save
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.iconv2d import IConv2d

RNG = np.random.default_rng(3)
CH = 5
IMAGE = Tensor("image", (4, 4, 3), Kind.U8)
SUMS = Tensor("sums", (2, 2, CH), Kind.I32)


def by(**changes: object) -> Requant:
    fields = {
        "mul": RNG.integers(-(2**24), 2**24, CH).astype(np.int32),
        "add": RNG.integers(-(2**38), 2**38, CH),
        "shift": 33,
        "low": -100,
        "high": 90,
    }
    return Requant(**{**fields, **changes})  # type: ignore[arg-type]


def conv(requant: Requant | None, kind: Kind = Kind.I16, **more: Any) -> IConv2d:
    weights = RNG.integers(-127, 128, (CH, 3, 3, 3)).astype(np.int8)
    output = replace(SUMS, kind=kind)
    window = Window(kh=3, kw=3)
    return IConv2d(name="c", inputs=("image",), output=output, weights=weights, window=window, requant=requant, **more)


def test_known_values() -> None:
    made = by(mul=np.array([1, 3, -1, 2**30, 0], np.int32), add=np.array([0, 1, 1, 0, 7 << 1]), shift=1)
    sums = np.array([-3, 10, 5, 400, 9]).reshape(1, 1, 1, CH)
    # -3 >> 1 rounds down; 31 >> 1; -4 >> 1; saturates; a constant
    assert made.apply(sums).reshape(-1).tolist() == [-2, 15, -2, 90, 7]


def test_it_is_an_affine_behind_the_sums() -> None:
    made = by()
    fused = conv(made)
    x = RNG.integers(0, 256, (6, *IMAGE.shape)).astype(np.uint8)
    zero = np.zeros(2, np.uint8)
    affine = Affine(
        name="a", inputs=("sums",), output=fused.output, mul=made.mul[None, None], add=made.add[None, None],
        shift=made.shift, low=made.low, high=made.high, rows=zero, cols=zero,
    )  # fmt: skip
    sums = replace(fused, requant=None, output=SUMS)
    out = fused.run(x)
    assert out.dtype == np.int16
    assert np.array_equal(out, affine.run(sums.run(x)))
    assert len(np.unique(out)) > 20
    assert out.min() < -50
    assert out.max() == 90
    bounds = sums.verify((IMAGE,), (IMAGE.kind.range,))
    assert fused.verify((IMAGE,), (IMAGE.kind.range,)) == affine.bounds(bounds)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"mul": np.ones(CH - 1, np.int32)}, Kind.I16, "for 5 channels"),
        ({"mul": np.ones(CH, np.int64)}, Kind.I16, "int32 and int64"),
        ({"add": np.zeros(CH, np.int32)}, Kind.I16, "int32 and int64"),
        ({"shift": 63}, Kind.I16, "shift 63"),
        ({"low": 5, "high": 4}, Kind.I16, "5..4"),
        ({"high": 128}, Kind.I8, "-100..128 of i8"),
        ({"add": np.full(CH, 2**63 - 1)}, Kind.I16, "leave 64 bits"),
        ({"mul": np.full(CH, 2**30, np.int32), "shift": 3}, Kind.I16, "32 once shifted"),
        ({}, Kind.BIT, "output kind bit"),
    ],
)
def test_what_the_kernels_could_not_do_is_refused(changes: dict[str, object], kind: Kind, said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        conv(by(**changes), kind).verify((IMAGE,), (IMAGE.kind.range,))


def test_thresholds_and_requantization_exclude_each_other() -> None:
    from xnorc.program import from_map

    thresholds = from_map(np.zeros(SUMS.shape, np.int32), np.zeros(CH, bool))
    with pytest.raises(ProgramError, match="exclude each other"):
        conv(by(), Kind.BIT, thresholds=thresholds).verify((IMAGE,), (IMAGE.kind.range,))


def test_it_survives_the_disk(tmp_path: Path) -> None:
    small = IConv2d(
        name="c", inputs=("image",), output=Tensor("y", (1, 1, CH), Kind.I32),
        weights=RNG.integers(-127, 128, (CH, 4, 4, 3)).astype(np.int8), window=Window(kh=4, kw=4), requant=by(),
    )  # fmt: skip
    program = Program(name="p", input=IMAGE, nodes=(small,), output="y")
    program.verify()
    save(program, tmp_path)
    x = RNG.integers(0, 256, (3, *IMAGE.shape)).astype(np.uint8)
    assert np.array_equal(load(tmp_path).run(x), program.run(x))
    assert load(tmp_path).dump() == program.dump()
    assert "requant >> 33 within -100..90" in program.dump()
