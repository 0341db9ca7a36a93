# SPDX-License-Identifier: Apache-2.0
"""Commands are found, not listed: a file of this folder that defines `command` is one, called as the file is.

Its `PLACE` says where `xnorc --help` shows it.  Every file is imported to print that help, so what a command needs is
imported inside `command`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

UNPLACED = 1000  # the number of a command whose file says none


class Group(Enum):
    """Headings of the help, in its order."""

    START = "Start here"
    NETWORK = "A network (needs PyTorch)"
    PROGRAM = "A program"


@dataclass(frozen=True)
class Place:
    """Where a command stands in the help: its group, and its number there, in the order of the work."""

    group: Group
    number: int


@dataclass(frozen=True)
class Found:
    """A command: its name, its place, the function that Typer makes it of."""

    name: str
    place: Place
    function: Callable[..., Any]


def commands() -> list[Found]:
    """Every command, in the order of the help.

    A file that defines `command` and no `PLACE` stands at the end of the last group: it breaks no other command, and a
    test names it.
    """
    package = importlib.import_module("xnorc.cli")
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        file = importlib.import_module(f"{package.__name__}.{module.name}")
        if hasattr(file, "command"):
            place = getattr(file, "PLACE", Place(list(Group)[-1], UNPLACED))
            found.append(Found(module.name.replace("_", "-"), place, file.command))
    groups = list(Group)
    return sorted(found, key=lambda c: (groups.index(c.place.group), c.place.number, c.name))
