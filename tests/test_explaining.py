# SPDX-License-Identifier: Apache-2.0
"""--explain: the graph and the program after every pass, numbered, readable, the same for the same network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import xnorc
from tests.lower.nets import Conv, Linear, lively, pm1
from xnorc.errors import DataError, XnorcError

SHAPE = (1, 1, 6, 6)


class Written(nn.Module):
    def __init__(self, real: bool = False) -> None:
        super().__init__()
        self.a, self.n, self.real = Conv(1, 4, 3), nn.BatchNorm2d(4), real
        self.b = Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.n(self.a(x))
        hard, soft = pm1(x), torch.nn.functional.hardtanh(x)
        return self.b((torch.tanh(x) * 3.0 if self.real else (hard - soft).detach() + soft).flatten(1))


def exported(folder: Path, **how: bool) -> list[str]:
    xnorc.export(lively(Written(**how)), torch.zeros(SHAPE), explain=folder)
    return sorted(path.name for path in folder.iterdir())


def test_a_file_for_every_pass_that_changed_something(tmp_path: Path) -> None:
    names = exported(tmp_path / "stages")
    assert [name[:2] for name in names] == [f"{i:02}" for i in range(len(names))]
    assert names[0] == "00-graph-traced.txt"
    assert {name[3:] for name in names} >= {
        "graph-cancel_straight_through.txt",
        "graph-with-values.txt",
        "program-lowered.txt",
        "program-fuse_epilogues.txt",
    }
    texts = [(tmp_path / "stages" / name).read_text() for name in names]
    assert len(set(texts)) == len(texts)  # none is a copy of another
    traced, valued = texts[0], (tmp_path / "stages" / next(n for n in names if "with-values" in n)).read_text()
    assert "aten.hardtanh.default" in traced
    assert "aten.hardtanh.default" not in valued  # the soft branch cancelled
    assert "float32[1, 4, 4, 4] = aten.conv2d.default(" in valued
    assert "one of {" in valued
    assert "test_explaining.py:" in valued
    assert "threshold" in next(t for n, t in zip(names, texts, strict=True) if "program-lowered" in n)


def test_the_same_network_gives_the_same_files_in_place_of_older_ones(tmp_path: Path) -> None:
    names = exported(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "99-graph-old.txt").write_text("stale")
    (tmp_path / "b" / "notes.md").write_text("the user's own")
    assert sorted([*names, "notes.md"]) == exported(tmp_path / "b")
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_an_export_that_fails_leaves_what_there_was_and_why_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(XnorcError) as caught:
        exported(tmp_path / "stages", real=True)
    names = sorted(path.name for path in (tmp_path / "stages").iterdir())
    assert names[-1].endswith("stopped.txt")
    assert str(caught.value) in (tmp_path / "stages" / names[-1]).read_text()
    assert "00-graph-traced.txt" in names


def test_a_folder_that_is_none_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is no folder"):
        exported(tmp_path / "file")
