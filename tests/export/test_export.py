# SPDX-License-Identifier: Apache-2.0
"""`xnorc.export`: a whole folder or nothing, the same bytes every time, and errors of one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xnorc
from xnorc.errors import DataError, LowerError
from xnorc.program import load


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.a = nn.Parameter(torch.randn(9, 1, 3, 3, generator=generator))
        self.b = nn.Parameter(torch.randn(4, 9 * 36, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.conv2d(x, torch.where(self.a >= 0, 1.0, -1.0)) - 0.37
        x = torch.where(x >= 0, 1.0, -1.0).flatten(1)
        return nn.functional.linear(x, torch.where(self.b >= 0, 1.0, -1.0))


EXAMPLE = torch.zeros(1, 1, 8, 8)
FILES = ["bnn_model_size.h", "constants.npz", "export.json", "model.h", "program.json"]


def test_importing_xnorc_does_not_import_torch() -> None:
    code = "import sys, xnorc; assert 'torch' not in sys.modules; print(xnorc.__version__)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_folder_holds_what_the_contract_says_and_loads_again(tmp_path: Path) -> None:
    program = xnorc.export(Tiny(), EXAMPLE, out=tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == FILES
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    assert (load(tmp_path / "out").run(x) == program.run(x)).all()
    report = json.loads((tmp_path / "out" / "export.json").read_text())
    assert report["name"] == "Tiny"
    assert report["layers"][0]["search"] == "exhaustive"


def test_two_exports_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        xnorc.export(Tiny(), EXAMPLE, out=tmp_path / name)
    for file in FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_an_exported_folder_is_replaced_and_any_other_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    xnorc.export(Tiny(), EXAMPLE, out=out)
    xnorc.export(Tiny(), EXAMPLE, out=out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not an exported program"):
        xnorc.export(Tiny(), EXAMPLE, out=tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "out"]


def test_a_refused_network_leaves_nothing_behind(tmp_path: Path) -> None:
    class Product(Tiny):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x * x.mean())

    with pytest.raises(LowerError):
        xnorc.export(Product(), EXAMPLE, out=tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tie": 0}, "tie"),
        ({"percentile": 3}, "percentile"),
        ({"mean": (0.1, 0.2)}, "2 values of mean for 1 channels"),
        ({"std": 0.0}, "std above 0"),
        ({"calibration": np.zeros((3, 8, 8, 1), np.float32)}, "uint8"),
    ],
)
def test_wrong_options_are_told_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises((LowerError, DataError), match=message) as caught:
        xnorc.export(Tiny(), EXAMPLE, **options)
    assert "\n" not in str(caught.value)


def test_nothing_machine_specific_is_in_the_files(tmp_path: Path) -> None:
    xnorc.export(Tiny(), EXAMPLE, out=tmp_path / "out")
    for file in ("program.json", "model.h", "export.json"):
        assert str(Path(__file__).parent) not in (tmp_path / "out" / file).read_text()
