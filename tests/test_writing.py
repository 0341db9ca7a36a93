# SPDX-License-Identifier: Apache-2.0
"""Files and folders are there whole or not at all: stopped at every call that touches the disk, and on a full one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from xnorc import writing
from xnorc.errors import DataError
from xnorc.faults import as_fault
from xnorc.writing import recover, staged_file, staged_folder, write_file

TOUCHES = ("replace", "rename", "fsync", "mkdir", "open", "rmdir", "unlink")  # of os, which pathlib and shutil call


class Killed(BaseException):
    """The process ends here: nothing after it runs, no clean-up either."""


@contextmanager
def stopped_at(monkeypatch: pytest.MonkeyPatch, number: int, stop: Callable[[], BaseException]) -> Iterator[list[str]]:
    """Raise `stop()` at the `number`th call that touches the disk; yields the calls made."""
    made: list[str] = []
    real = {name: getattr(os, name) for name in TOUCHES}

    def counted(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            if len(made) == number:
                raise stop()
            if len(made) > number and stop is Killed:
                raise Killed  # a dead process removes nothing
            return real[name](*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in TOUCHES:
            patch.setattr(os, name, counted(name))
        if stop is Killed:
            patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
        yield made


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def fill(out: Path, text: str) -> None:
    with staged_folder(out) as staged:
        for name in ("program.json", "constants.npz"):
            (staged / name).write_text(text)


def texts(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir()}


@pytest.mark.parametrize("stop", [Killed, full])
def test_a_file_is_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Callable[[], BaseException]
) -> None:
    path = tmp_path / "report.json"
    seen = set()
    for number in range(1, 12):
        path.write_text("old")
        with stopped_at(monkeypatch, number, stop) as made, suppress(Killed, DataError):
            write_file(path, "new")
        seen.add(path.read_text())
        assert path.read_text() in ("old", "new"), made
    assert seen == {"old", "new"}


@pytest.mark.parametrize("stop", [Killed, full])
def test_a_folder_is_the_old_or_the_new_one_and_keeps_what_else_lay_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Callable[[], BaseException]
) -> None:
    stops = 0
    for number in range(1, 40):
        out = tmp_path / str(number) / "program"
        fill(out, "old")
        (out / "notes.txt").write_text("mine")
        with stopped_at(monkeypatch, number, stop) as made:
            try:
                fill(out, "new")
            except (Killed, DataError):
                stops += 1
        recover(out)
        found = texts(out)
        assert found.pop("notes.txt") == "mine", (number, made)
        assert found in [{"program.json": t, "constants.npz": t} for t in ("old", "new")], (number, made)
        fill(out, "newest")
        assert texts(out) == {"program.json": "newest", "constants.npz": "newest", "notes.txt": "mine"}
    assert 5 < stops < 39


def test_a_body_that_raises_leaves_nothing(tmp_path: Path) -> None:
    for staged in (staged_file(tmp_path / "a"), staged_folder(tmp_path / "b")):
        with pytest.raises(ZeroDivisionError), staged:
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_one_line_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written: not a directory"):
        write_file(tmp_path / "file" / "x", "text")
    with pytest.raises(DataError, match="cannot be written"):
        fill(tmp_path / "file" / "x", "text")
    with pytest.raises(DataError, match="no such file"):
        write_file(tmp_path / "none" / "x", "text")


def test_any_other_refusal_of_the_system_is_one_line_and_no_fault() -> None:
    error = as_fault(PermissionError(errno.EACCES, "Permission denied", "/some/where"))
    assert (error.exit_code, str(error).splitlines()) == (2, [str(error)])
    assert "/some/where: permission denied" in str(error)


def test_modes_follow_the_mask_of_the_user(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_file(tmp_path / "file", "x")
        fill(tmp_path / "folder", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750
    assert writing.MADE not in "".join(path.name for path in tmp_path.iterdir())
