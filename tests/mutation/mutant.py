# SPDX-License-Identifier: Apache-2.0
"""A mutant: one small fault in one file of the exporter, and the tests that must notice it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "mutants"
KEYS = {"name", "file", "old", "new", "breaks", "tests"}


@dataclass(frozen=True)
class Mutant:
    """One entry of a table.

    Attributes:
        name: unique among all tables; words joined by hyphens.
        file: the file that is changed, from the root of the repository.
        old: text that occurs exactly once in that file.
        new: what takes its place.
        breaks: what goes wrong then, in a sentence.
        tests: what must notice it, as pytest names it (a file, or file::test), the fastest that should.
    """

    name: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the fault in it.

        Raises:
            ValueError: `old` does not occur exactly once, or the fault changes nothing.
        """
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: its text occurs {found} times in {self.file}, not once")
        if self.old == self.new:
            raise ValueError(f"{self.name}: it changes nothing")
        return text.replace(self.old, self.new)


def read_table(path: Path) -> list[Mutant]:
    """The mutants of one table.

    Raises:
        ValueError: an entry has other keys than a mutant.
    """
    entries = tomllib.loads(path.read_text()).get("mutant", [])
    for entry in entries:
        if set(entry) != KEYS:
            raise ValueError(f"{path.name}: {entry.get('name', '?')} has {sorted(entry)}, not {sorted(KEYS)}")
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def all_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """The mutants of all tables in a folder, in the order of the files' names."""
    return [mutant for path in sorted(folder.glob("*.toml")) for mutant in read_table(path)]


def chosen(mutants: Iterable[Mutant], only: list[str]) -> list[Mutant]:
    """The mutants whose name or file contains one of `only`; all of them where `only` is empty."""
    return [m for m in mutants if not only or any(part in m.name or part in m.file for part in only)]
