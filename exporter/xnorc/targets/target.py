# SPDX-License-Identifier: Apache-2.0
"""Where a program runs: what its builder, its link and its report need to know of that place.

One file of this folder is one kind of target: a frozen dataclass under `Target`.  The files are found, not listed.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xnorc.boards import Board
from xnorc.errors import ToolError
from xnorc.targets.stream import Stream


@dataclass(frozen=True)
class Target(ABC):
    """A place where a program runs.

    Attributes:
        kind: its name for `--emulator` and in reports; unlike that of any other class.
        unit: what `count` gives: "instructions", "cycles", or "" where nothing is counted.
        board: what the program is built for; None where it is built for this machine.
    """

    kind: ClassVar[str]
    unit: ClassVar[str] = ""
    board: Board | None

    @classmethod
    def emulates(cls, board: Board) -> bool:
        """Whether this kind stands in for that board, without any hardware."""
        return False

    @property
    def name(self) -> str:
        """A word for folders and lines: the board, or the kind where there is none."""
        return self.kind if self.board is None else self.board.name

    @property
    def title(self) -> str:
        """The board's title, or the kind where there is none."""
        return self.kind if self.board is None else self.board.title

    @property
    def core(self) -> str:
        """gcc's name of the board's core; empty where there is no board."""
        return "" if self.board is None else self.board.core

    @property
    def emulated(self) -> bool:
        """Whether it stands in for a board."""
        return self.board is not None and self.emulates(self.board)

    @property
    def label(self) -> str:
        """What people are told: `mps2_an386 on qemu`, `host C`."""
        return f"{self.name} on {self.kind}"

    def count(self, ticks: int) -> int | None:
        """Ticks of the target's counter -> what `unit` says, rounded; None where nothing is counted."""
        return None

    @abstractmethod
    def open(self, image: Path, timeout: float | None = 5.0) -> Stream:
        """Start (or reach) the program in the file `image`; the caller closes the stream.

        Args:
            image: an executable where `board` is None, else an ELF file; unread where the board was flashed before.
            timeout: seconds, as `Stream.timeout`.

        Raises:
            ToolError: a tool, a file or a port is missing.
        """


def kinds() -> dict[str, type[Target]]:
    """Every kind of target by its name, sorted; importing errors propagate."""
    package = importlib.import_module("xnorc.targets")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found: dict[str, type[Target]] = {}
    left = list(Target.__subclasses__())
    while left:
        cls = left.pop()
        left.extend(cls.__subclasses__())
        if "kind" in vars(cls) and cls.__module__.startswith(package.__name__ + "."):
            found[cls.kind] = cls
    return dict(sorted(found.items()))


def kind_of(name: str) -> type[Target]:
    """The kind of target with this name.

    Raises:
        ToolError: there is none; names those there are.
    """
    known = kinds()
    if name not in known:
        raise ToolError("target", f"{name!r} is none", ", ".join(known))
    return known[name]


def emulators(board: Board) -> tuple[str, ...]:
    """The kinds that stand in for this board, sorted."""
    return tuple(name for name, kind in kinds().items() if kind.emulates(board))
