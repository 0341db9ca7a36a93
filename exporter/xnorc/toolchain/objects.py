# SPDX-License-Identifier: Apache-2.0
"""Objects of earlier builds, kept for later ones of the same user: files named by a digest of all that went into them.

They lie in the user's cache folder, or in $XNORC_CACHE; an empty XNORC_CACHE keeps none.  What is damaged is not
believed, what is oldest makes room, and a folder that cannot be written only means that more is compiled.  Processes
share the folder without locks: an entry appears whole, by a rename, or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

ENVIRONMENT = "XNORC_CACHE"
LIMIT = 256 << 20  # bytes kept at most
SHELVES = "0123456789abcdef"  # folders, by an entry's first digit; each makes room within a share of its own
ABANDONED = 3600.0  # s after which the file of a process that died while it wrote is removed
ENTRY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Store:
    """A folder of kept objects.

    Attributes:
        limit: bytes that are kept at most; the entries longest unused go first.
    """

    folder: Path
    limit: int = LIMIT

    def get(self, key: str) -> tuple[bytes, dict[str, str]] | None:
        """The object kept under `key`, and the digests of the other files that it depends on; None if there is none."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
            digest, _, content = raw.partition(b"\n")
            if hashlib.sha256(content).hexdigest().encode() != digest:
                return None
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used now
        head, _, body = content.partition(b"\n")
        return body, json.loads(head)

    def put(self, key: str, body: bytes, others: Mapping[str, str]) -> None:
        """Keep an object; where that cannot be done, nothing happens.

        Args:
            others: path -> SHA-256 of the files besides those in the key that the object depends on.
        """
        content = json.dumps(dict(others), sort_keys=True).encode() + b"\n" + body
        if len(content) > self._share // 4:
            return
        shelf = self._path(key).parent
        with contextlib.suppress(OSError):
            shelf.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", dir=shelf)
            try:
                with open(handle, "wb") as file:
                    file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                os.replace(name, self._path(key))
            except OSError:
                os.unlink(name)
                raise
            self._make_room(shelf)

    def size(self) -> tuple[int, int]:
        """(number of entries, their bytes)."""
        sizes = [stat.st_size for _, stat in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> int:
        """Remove every entry, and nothing that is not one; returns how many there were."""
        removed = 0
        for path, _ in list(self._entries()):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
        return removed

    @property
    def _share(self) -> int:
        return self.limit // len(SHELVES)

    def _path(self, key: str) -> Path:
        return self.folder / key[0] / key

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        for shelf in SHELVES:
            yield from (found for found in _files(self.folder / shelf) if ENTRY.fullmatch(found[0].name))

    def _make_room(self, shelf: Path) -> None:
        files = sorted(_files(shelf), key=lambda found: found[1].st_mtime)
        over = sum(stat.st_size for _, stat in files) - self._share
        for path, stat in files:
            abandoned = path.name.startswith(".") and stat.st_mtime < time.time() - ABANDONED
            if abandoned or (over > 0 and not path.name.startswith(".")):
                with contextlib.suppress(FileNotFoundError):  # another process was faster
                    path.unlink()
                over -= stat.st_size


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of a folder that are still there when they are looked at; none where there is no folder."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return
    for entry in entries:
        with contextlib.suppress(OSError):
            yield Path(entry.path), entry.stat()


def store() -> Store | None:
    """The user's store, or None where XNORC_CACHE is empty or there is no home to keep it in."""
    chosen = os.environ.get(ENVIRONMENT)
    if chosen == "":
        return None
    root = Path(chosen).absolute() if chosen else platformdirs.user_cache_path("xnorc")
    return Store(root / "objects") if root.is_absolute() else None
