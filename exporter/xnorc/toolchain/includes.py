# SPDX-License-Identifier: Apache-2.0
"""Which headers a C source may read: found by the names after #include, in the order in which a compiler looks.

What stands in a branch that the preprocessor skips counts as read: too much in a key costs a compilation, too little
would give a stale object.  Headers that lie in none of the folders given (the compiler's and the C library's own) are
left out here; after a compilation the compiler says which they were.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Whether a header is there at all (__has_include) is a question that its text answers too.
NAME = rb'(?:"([^"\n]+)"|<([^>\n]+)>)'
INCLUDE = re.compile(rb"(?:^[ \t]*#[ \t]*include[ \t]*|__has_include[ \t]*\([ \t]*)" + NAME, re.MULTILINE)
# What makes an object depend on more than the text of files with known names.
UNKNOWABLE = re.compile(
    rb'^[ \t]*#[ \t]*include[ \t]*[^"< \t]|__has_include[ \t]*\([ \t]*[^"< \t]|^[ \t]*#[ \t]*embed'
    rb"|__DATE__|__TIME(?:STAMP)?__|\.incbin",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Text:
    """What one file says: its digest, and the names it includes or asks for, with whether they are in quotes."""

    digest: str
    names: tuple[tuple[str, bool], ...]


class Reader:
    """Reads each file once, however many sources include it.  Files must not change while it is in use."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._texts: dict[Path, Text | None] = {}

    def inputs(self, source: Path) -> dict[Path, str] | None:
        """Path -> SHA-256 of `source` and of every header it may read; None where that cannot be told from the text."""
        found: dict[Path, str] = {}
        left = [source]
        while left:
            path = left.pop()
            if path in found:
                continue
            text = self._text(path)
            if text is None:
                return None
            found[path] = text.digest
            left += [header for name, quoted in text.names if (header := self._where(name, quoted, path)) is not None]
        return found

    def _where(self, name: str, quoted: bool, includer: Path) -> Path | None:
        folders = (includer.parent, *self.folders) if quoted else self.folders
        return next((folder / name for folder in folders if (folder / name).is_file()), None)

    def _text(self, path: Path) -> Text | None:
        if path not in self._texts:
            self._texts[path] = read(path)
        return self._texts[path]


def read(path: Path) -> Text | None:
    """What the file says; None where it cannot be read, or depends on more than files."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if UNKNOWABLE.search(raw):
        return None
    names = [(quoted or angled).decode(errors="replace") for quoted, angled in INCLUDE.findall(raw)]
    marks = [bool(quoted) for quoted, _ in INCLUDE.findall(raw)]
    return Text(hashlib.sha256(raw).hexdigest(), tuple(zip(names, marks, strict=True)))


def made_from(rule: str) -> list[Path]:
    """The files that a compiler's -MD rule (`x.o: a.c b.h \\`) names after its target."""
    _, _, files = rule.replace("\\\n", " ").partition(": ")
    words = re.split(r"(?<!\\)\s+", files.strip())
    return [Path(re.sub(r"\\([ #])", r"\1", word).replace("$$", "$")) for word in words if word]
