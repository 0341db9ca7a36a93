# SPDX-License-Identifier: Apache-2.0
"""No exception but an error of ours leaves xnorc.export, xnorc.verify or the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import xnorc
from tests.lower.nets import Bits, Conv, Linear, images, lively
from xnorc.errors import CaptureError, Fault, XnorcError
from xnorc.faults import as_fault, reported

SHAPE = (1, 1, 6, 6)


def network() -> nn.Module:
    return lively(nn.Sequential(Conv(1, 4, 3), nn.BatchNorm2d(4), Bits(), nn.Flatten(), Linear(64, 3)))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of lowering that fails as only a mistake of ours would."""

    def search(*_args: object, **_kwargs: object) -> None:
        raise KeyError("nothing\nof the kind")

    monkeypatch.setattr("xnorc.lower.bits.threshold.search", search)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("call", ["export", "verify"])
def test_a_mistake_of_ours_becomes_a_fault_at_the_node_it_was_at_work_on(call: str) -> None:
    given = () if call == "export" else (images(SHAPE, 3),)
    with pytest.raises(Fault, match=r"nets.py:\d+ `.*KeyError: .*please report") as caught:
        getattr(xnorc, call)(network(), torch.zeros(SHAPE), *given)
    assert caught.value.exit_code == 3
    assert isinstance(caught.value.__cause__, KeyError)
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_and_what_stops_a_program_pass() -> None:
    for error in (CaptureError("here", "this", "that"), KeyboardInterrupt(), SystemExit(4)):

        @reported
        def fails(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            fails()
        assert caught.value is error


def test_without_a_node_our_own_line_is_named() -> None:
    from xnorc.program import Thresholds

    with pytest.raises(AttributeError) as ours:
        Thresholds.verify(None, "t", (1, 1, 1), (0, 1))  # type: ignore[arg-type]
    assert str(as_fault(ours.value)).startswith("xnorc/program/thresholds.py:")
    with pytest.raises(IndexError) as others:
        np.zeros(3)[5]
    assert str(as_fault(others.value)).startswith("xnorc: IndexError: index 5")


def test_no_memory_is_no_fault_of_ours() -> None:
    told = as_fault(MemoryError())
    assert type(told) is XnorcError
    assert told.exit_code == 2
    assert "memory" in str(told)


def test_the_command_line_says_one_line_and_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'xnorc.data':\n"
        "            raise RuntimeError('a \\nmistake')\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(xnorc.__file__).parents[1])])
    command = [sys.executable, "-m", "xnorc", "run", "zoo:digits", "--emulator", "host", "--data", "digits"]
    for debug in (False, True):
        words = [*command[:3], *(["--debug"] if debug else []), *command[3:]]
        done = subprocess.run(
            words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
        )
        if debug:
            assert "Traceback" in done.stderr
        else:
            assert done.returncode == 3
            assert done.stderr.count("\n") == 1
            assert "RuntimeError: a mistake" in done.stderr
            assert "please report" in done.stderr
            assert "--debug" in done.stderr
