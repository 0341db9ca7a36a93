# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are there whole or not at all, whatever interrupts the writing of them.

A file is written beside its place, made durable, and moved there: a reader finds the old one or
the new one, and a full disk or a kill leaves the old one.  A folder is exchanged in two renames; what a kill between
them leaves is put right by the next who looks (`recover`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xnorc.errors import DataError

MADE = ".xnorc-"  # how names of files in the making begin
OLD = ".xnorc-old-"  # how the former of two exchanged folders is called for a moment


def write_file(path: Path, content: str | bytes) -> None:
    """Put `content` (text as UTF-8) in the place of whatever `path` holds; its folder exists.

    Raises:
        DataError: it cannot be written; `path` is as it was.
    """
    with staged_file(path) as staged:
        staged.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """A path to write to (by `torch.save`, by numpy), which becomes `path` at the end of a body that did not raise.

    Raises:
        DataError: it cannot be written; `path` is as it was.
    """
    folder: Path | None = None
    try:
        try:
            folder = Path(tempfile.mkdtemp(prefix=MADE, dir=path.parent))
            staged = folder / path.name  # its own name: torch.save puts that into the file
            yield staged
            _durable(staged)
            os.replace(staged, path)
            _durable(path.parent)
        except OSError as error:
            raise unwritable(path, error) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `out` at the end of a body that did not raise.

    What else lay in `out` is moved into the new folder.

    Raises:
        DataError: it cannot be written; `out` is as it was.
    """
    staged: Path | None = None
    try:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            recover(out)
            staged = Path(tempfile.mkdtemp(prefix=f"{MADE}{out.name}-", dir=out.parent))
            yield staged
            for entry in staged.iterdir():
                _durable(entry)
            staged.chmod(0o777 & ~_umask())
            _exchange(staged, out)
        except OSError as error:
            raise unwritable(out, error) from error
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def recover(out: Path) -> None:
    """Finish what a kill left of an exchange of the folder `out`: put the former one back, or its other entries in."""
    old = out.parent / f"{OLD}{out.name}"
    if not old.is_dir():
        return
    if out.exists():
        _gather(old, out)
    else:
        old.rename(out)


def unwritable(path: Path, error: OSError) -> DataError:
    """The one line for a file or folder that the system refuses to write."""
    reason = (error.strerror or type(error).__name__).lower()
    return DataError(str(path), f"cannot be written: {reason}", "a folder that is writable, on a disk with room")


def _exchange(staged: Path, out: Path) -> None:
    if not out.exists():
        staged.rename(out)
        return
    old = out.parent / f"{OLD}{out.name}"
    out.rename(old)
    staged.rename(out)
    _gather(old, out)


def _gather(old: Path, out: Path) -> None:
    """Move what only `old` holds into `out`, and remove the rest of it."""
    for entry in old.iterdir():
        if not (out / entry.name).exists():
            entry.rename(out / entry.name)
    shutil.rmtree(old)
    _durable(out.parent)


def _durable(path: Path) -> None:
    """Wait until the disk has it; some file systems refuse that for folders, and then it is as durable as can be."""
    if path.is_symlink() or not path.exists():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
