# SPDX-License-Identifier: Apache-2.0
"""An option is one field: of xnorc.export, of xnorc.verify, and of every command that lowers a model."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

import xnorc
from xnorc.errors import XnorcError
from xnorc.options import Options

IMAGE, VECTOR = (1, 3, 4, 5), (1, 7)


def test_every_option_of_python_is_one_of_the_command_line_but_the_images() -> None:
    code = (
        "import json, typer.main, xnorc.cli as c\n"
        "group = typer.main.get_command(c.app)\n"
        "print(json.dumps({n: [o for p in group.commands[n].params for o in p.opts] for n in ('export', 'verify')}))"
    )
    shown = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    for command in ("export", "verify"):
        for each in fields(Options):
            assert (f"--{each.name.replace('_', '-')}" in shown[command]) == (each.name != "calibration") or (
                command == "verify" and each.name == "calibration"  # there it names other data than --data
            )


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(XnorcError, match=r"there is no option 'percentil' \('percentile' is one\)"):
        xnorc.export(nn.Linear(4, 2), torch.zeros(1, 4), percentil=99.0)
    with pytest.raises(XnorcError, match=r"there is no option 'bananas' \(one of mean, std"):
        xnorc.verify(nn.Linear(4, 2), torch.zeros(1, 4), np.zeros((1, 1, 1, 4), np.uint8), bananas=1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.5, (0.5,)),
        ((0.1, 0.2, 0.3), (0.1, 0.2, 0.3)),
        ("0.1,0.2,0.3", (0.1, 0.2, 0.3)),
        (np.full(3, 0.25), (0.25,) * 3),
    ],
)
def test_a_mean_is_a_number_or_one_a_channel(given: object, expected: tuple[float, ...]) -> None:
    assert Options.of(IMAGE, {"mean": given, "std": 1}).mean == expected


@pytest.mark.parametrize(
    ("chosen", "shape", "message"),
    [
        ({"tie": 0}, IMAGE, r"tie: 0 \(1, -1 or None\)"),
        ({"tie": True}, IMAGE, "tie: True"),
        ({"weight_bits": 12}, IMAGE, r"weight_bits: 12 \(8 or 16"),
        ({"percentile": 50.0}, IMAGE, r"percentile: 50.0 \(above 50"),
        ({"percentile": "much"}, IMAGE, "percentile: 'much'"),
        ({"percentile": 100.5}, IMAGE, r"percentile: 100.5"),
        ({"mean": (0.1, 0.2)}, IMAGE, "2 values of mean for 3 channels"),
        ({"std": (0.1, 0.2)}, VECTOR, "2 values of std for 1 channels"),
        ({"std": 0.0}, IMAGE, "std above 0"),
        ({"std": -1.0}, IMAGE, "std above 0"),
        ({"mean": float("nan")}, IMAGE, "finite numbers"),
        ({"mean": "a,b"}, IMAGE, "mean: is 'a,b'"),
        (
            {"calibration": np.zeros((2, 4, 5, 3), np.float32)},
            IMAGE,
            r"calibration: float32 \(2, 4, 5, 3\) \(uint8 \(N, 4, 5, 3\)",
        ),
        ({"calibration": np.zeros((0, 4, 5, 3), np.uint8)}, IMAGE, "N at least 1"),
        ({"calibration": np.zeros((2, 7), np.uint8)}, VECTOR, r"uint8 \(N, 1, 1, 7\)"),
    ],
)
def test_what_has_no_meaning_is_refused(chosen: dict[str, object], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(XnorcError, match=message):
        Options.of(shape, chosen)


def test_the_edges_are_taken() -> None:
    made = Options.of(IMAGE, {"percentile": 100, "tie": -1, "weight_bits": 16, "std": 1e-30, "static_collapsed": True})
    assert (made.percentile, made.tie, made.weight_bits, made.static_collapsed) == (100, -1, 16, True)


def test_help_shows_every_option_with_its_default() -> None:
    for function in (xnorc.export, xnorc.verify):
        shown = inspect.signature(function).parameters
        assert all(shown[each.name].default == each.default for each in fields(Options))
        assert "options" not in shown
