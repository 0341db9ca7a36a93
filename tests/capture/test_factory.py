# SPDX-License-Identifier: Apache-2.0
"""A factory and its checkpoint: random weights are told, and the wrappers of training are taken off the names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from xnorc.capture import load_factory
from xnorc.errors import CaptureError

SOURCE = """
import torch
from torch import nn

def random():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))

def fixed():
    torch.manual_seed(3)
    return random()

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = random()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "some_factory.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "some_factory", raising=False)
    return tmp_path


def test_random_weights_are_told_and_fixed_ones_are_not(package: Path) -> None:
    notes: list[str] = []
    load_factory("some_factory:random", None, notes)
    assert notes == [
        "some_factory:random gives other weights each time it is called: they are random, no --state was given"
    ]
    notes.clear()
    load_factory("some_factory:fixed", None, notes)
    assert notes == []


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).state_dict()


@pytest.mark.parametrize(
    ("prefix", "wrapped", "words"),
    [
        ("module.", None, ["DataParallel"]),
        ("_orig_mod.", None, ["torch.compile"]),
        ("model.", None, ["LightningModule"]),
        ("module._orig_mod.", None, ["DataParallel", "torch.compile"]),
        ("model._orig_mod.", {"loss.weight": torch.ones(3)}, ["LightningModule", "torch.compile"]),
    ],
)
def test_wrappers_are_taken_off_the_names(package: Path, prefix: str, wrapped: Any, words: list[str]) -> None:
    kept = state()
    torch.save({"state_dict": {prefix + k: v for k, v in kept.items()} | (wrapped or {})}, package / "s.ckpt")
    notes: list[str] = []
    module = load_factory("some_factory:random", package / "s.ckpt", notes)
    assert all(value.equal(kept[key]) for key, value in module.state_dict().items())
    told = [note for note in notes if "prefix" in note]
    assert [any(word in note for note in told) for word in words] == [True] * len(words)
    assert any("1 names beside" in note for note in told) == (wrapped is not None)


def test_a_network_whose_own_names_begin_so_keeps_them(package: Path) -> None:
    kept = {f"model.{key}": value for key, value in state().items()}
    torch.save(kept, package / "s.pt")
    notes: list[str] = []
    module = load_factory("some_factory:Wrapped", package / "s.pt", notes)
    assert notes == []
    assert all(value.equal(kept[key]) for key, value in module.state_dict().items())


def test_other_names_are_still_refused(package: Path) -> None:
    torch.save({f"model.x{key}": value for key, value in state().items()}, package / "s.pt")
    with pytest.raises(CaptureError, match="names"):
        load_factory("some_factory:random", package / "s.pt", [])
