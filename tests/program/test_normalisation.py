# SPDX-License-Identifier: Apache-2.0
"""A program remembers the normalisation that was folded into it, and data that carry another are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conformance.programs import random_program
from xnorc.data import samples
from xnorc.errors import DataError, ProgramError
from xnorc.measure import measure
from xnorc.program import Normalisation, Program, digest, load, save
from xnorc.targets.host import Host


@pytest.mark.parametrize(
    ("held", "given", "fits"),
    [
        (Normalisation(), ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), True),
        (Normalisation((0.1307,), (0.3081,)), ((0.1307,), (0.3081,)), True),
        (Normalisation((0.49139968,), (0.2,)), ((0.4914,), (0.2,)), True),
        (Normalisation((0.5,), (0.25,)), ((0.5, 0.5), (0.25, 0.25)), True),
        (Normalisation(), ((0.1307,), (0.3081,)), False),
        (Normalisation((0.5,), (0.25,)), ((0.5, 0.4), (0.25, 0.25)), False),
        (Normalisation((0.5, 0.5), (1.0, 1.0)), ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0)), False),
    ],
)
def test_numbers_are_compared_channel_by_channel(held: Normalisation, given: tuple[Any, Any], fits: bool) -> None:
    if fits:
        held.check(*given, "data.npz")
        return
    with pytest.raises(DataError, match=r"data\.npz: goes with .*, but the program was exported for "):
        held.check(*given, "data.npz")


def test_data_that_say_nothing_are_taken() -> None:
    Normalisation((0.5,), (0.25,)).check(None, None, "data.npz")


def made(normalisation: Normalisation | None, name: str = "random") -> Program:
    return dataclasses.replace(random_program(0), normalisation=normalisation, name=name)


@pytest.mark.parametrize("held", [None, Normalisation(), Normalisation((0.1, 0.2, 0.3), (0.5, 0.25, 1e-3))])
def test_it_is_stored_and_read_again(held: Normalisation | None, tmp_path: Path) -> None:
    save(made(held), tmp_path)
    assert load(tmp_path).normalisation == held


def test_a_file_of_before_holds_none(tmp_path: Path) -> None:
    save(made(Normalisation()), tmp_path)
    text = (tmp_path / "program.json").read_text()
    start = text.index(',\n "normalisation"')
    (tmp_path / "program.json").write_text(text[:start] + "\n}\n")
    assert load(tmp_path).normalisation is None
    (tmp_path / "program.json").write_text(text.replace('"is": "Normalisation"', '"is": "Window"'))
    with pytest.raises(ProgramError, match="normalisation"):
        load(tmp_path)


def test_a_name_and_a_normalisation_are_no_part_of_what_is_computed() -> None:
    assert digest(made(None)) == digest(made(Normalisation((0.5,), (0.5,)), name="other"))


def test_a_report_on_data_that_carry_another_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    program = made(Normalisation())
    x = np.zeros((2, *program.input.shape), np.uint8)
    channels = program.input.shape[2]
    held = {"mean": np.full(channels, 0.5), "std": np.full(channels, 0.25)}
    data = samples("data", {"x": x, "y": np.zeros(2, np.int64), **held})
    with pytest.raises(DataError, match=r"data\.npz: goes with mean 0\.5"):
        measure(program, data, Host(), tmp_path / "out", data_name="data.npz")
    assert not (tmp_path / "out").exists()
