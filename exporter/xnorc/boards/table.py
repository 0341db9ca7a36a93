# SPDX-License-Identifier: Apache-2.0
"""One table of a board file, read key by key; what is wrong is a `BoardError` with file, key and what is accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from xnorc.errors import BoardError

REQUIRED: Any = object()


class Table:
    """One table of the file; remembers which keys were read, so that `done` can name those that nobody knows."""

    def __init__(self, where: str, prefix: str, data: Mapping[str, Any]) -> None:
        self.where, self.prefix, self.data = where, prefix, data
        self.known: list[str] = []

    def fail(self, key: str, what: str, accepted: str) -> NoReturn:
        raise BoardError(self.where, f"{self.prefix}{key} {what}", f"accepted: {accepted}")

    def get(self, key: str, accepted: str, default: Any = REQUIRED) -> Any:
        self.known.append(key)
        if key not in self.data and default is REQUIRED:
            near = difflib.get_close_matches(key, [k for k in self.data if k not in self.known], cutoff=0.7)
            self.fail(key, "is missing" + (f" (is {self.prefix}{near[0]} meant for it?)" if near else ""), accepted)
        return self.data.get(key, default)

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        accepted = f"a whole number {show(low)}..{show(high)}"
        value = self.get(key, accepted, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"is {value!r}", accepted)
        if not low <= value <= high:
            self.fail(key, f"is {show(value)}", accepted)
        return int(value)

    def text(self, key: str, pattern: str, accepted: str, default: Any = REQUIRED) -> str:
        value = self.get(key, accepted, default)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.fail(key, f"is {value!r}", accepted)
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, "a list of strings", [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"is {value!r}", "a list of strings")
        return tuple(value)

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        accepted = f"a list of whole numbers {show(low)}..{show(high)}"
        value = self.get(key, accepted, [])
        numbers = isinstance(value, list) and all(type(item) is int and low <= item <= high for item in value)
        if not numbers:
            self.fail(key, f"is {value!r}", accepted)
        return tuple(value)

    def choice(self, key: str, choices: tuple[str, ...], default: Any = REQUIRED) -> str:
        value = self.get(key, ", ".join(choices), default)
        if value not in choices:
            self.fail(key, f"is {value!r}{closest(str(value), choices)}", ", ".join(choices))
        return str(value)

    def table(self, key: str, optional: bool = False) -> Table:
        value = self.get(key, f"a table [{self.prefix}{key}]", None if optional else REQUIRED)
        if value is None:
            return Table(self.where, f"{self.prefix}{key}.", {})
        if not isinstance(value, dict):
            self.fail(key, f"is {value!r}", f"a table [{self.prefix}{key}]")
        return Table(self.where, f"{self.prefix}{key}.", value)

    def tables(self, key: str) -> list[Table]:
        value = self.get(key, f"tables [[{key}]]", [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, "is not a list of tables", f"tables [[{key}]]")
        return [Table(self.where, f"{key}[{at}].", item) for at, item in enumerate(value)]

    def only(self, key: str, low: int, high: int) -> int:
        value = self.integer(key, low, high)
        self.done()
        return value

    def done(self) -> None:
        for key in self.data:
            if key not in self.known:
                self.fail(key, f"is not a key of a board file{closest(key, self.known)}", ", ".join(self.known))


def closest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def show(value: int) -> str:
    """Addresses are read in hexadecimal, small numbers in decimal."""
    return hex(value) if value >= 0x10000 else str(value)
