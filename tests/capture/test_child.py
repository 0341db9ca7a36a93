# SPDX-License-Identifier: Apache-2.0
"""A job in a child process gives back its JSON result or its very error; a dead interpreter is one line."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from xnorc.capture.child import run_in_child
from xnorc.errors import CaptureError, FitError

HERE = Path(__file__).stem


def add(a: int, b: int) -> dict[str, int]:
    print("the user's code prints")
    return {"sum": a + b}


def refuse() -> None:
    raise FitError("layer 3", "needs 70000 bytes", "a bigger board")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(0)


def hang() -> None:
    time.sleep(60)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_a_result_comes_back_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_child(f"{HERE}:add", {"a": 2, "b": 3}) == {"sum": 5}
    assert "prints" in capfd.readouterr().out


def test_an_error_comes_back_as_itself() -> None:
    with pytest.raises(FitError, match=r"layer 3: needs 70000 bytes .a bigger board.") as caught:
        run_in_child(f"{HERE}:refuse", {})
    assert caught.value.where == "layer 3"


def test_a_segmentation_fault_is_one_line() -> None:
    with pytest.raises(CaptureError, match=r"killed the interpreter \(SIGSEGV\)"):
        run_in_child(f"{HERE}:crash", {})


def test_a_child_that_leaves_without_an_answer_is_an_error() -> None:
    with pytest.raises(CaptureError, match="exit code 0"):
        run_in_child(f"{HERE}:leave", {})


def test_a_child_that_hangs_is_ended() -> None:
    with pytest.raises(CaptureError, match="took longer than 1 s"):
        run_in_child(f"{HERE}:hang", {}, timeout=1)
