# SPDX-License-Identifier: Apache-2.0
"""What a way to flash is: one class a file of ways/, named by a board file's `[flash] by`."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from xnorc.boards import Board
from xnorc.errors import FlashError
from xnorc.flash.image import Image

Progress = Callable[[str, int, int], None]  # what is done (erase, write, verify), bytes done, bytes in all


class Flasher(ABC):
    """Puts an image into one board.

    Attributes:
        kind: the word that a board file says in `[flash] by`.
        needs_port: whether `port` has to be given.

    Args:
        board: has a [flash] table of this kind.
        port: serial port or URL; where the way has a folder or a probe, its path or number; may be empty.
        baud: instead of the way's own.
        unprotect: whether a read-out protection may be lifted, which erases the whole chip.
        say: gets lines for people: what they are to press, what is waited for.
    """

    kind: ClassVar[str]
    needs_port: ClassVar[bool] = True

    def __init__(
        self,
        board: Board,
        port: str,
        baud: int | None = None,
        unprotect: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.board, self.port, self.baud, self.unprotect = board, port, baud, unprotect
        self.say = say or (lambda line: None)

    @abstractmethod
    def flash(self, image: Image, progress: Progress) -> str:
        """Erase, write, verify by reading back where the way can, start; the image has been checked.

        Returns:
            how the image was verified, for people: "read back", or "" where this way cannot read.

        Raises:
            FlashError: with the state that the board is in.
            ToolError: a port, a drive or a tool is missing.
        """


def kinds() -> dict[str, type[Flasher]]:
    """Every way by its word, sorted; importing errors propagate."""
    package = importlib.import_module("xnorc.flash.ways")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found: dict[str, type[Flasher]] = {}
    left = list(Flasher.__subclasses__())
    while left:
        cls = left.pop()
        left.extend(cls.__subclasses__())
        if cls.__module__.startswith(package.__name__ + "."):
            found[cls.kind] = cls
    return dict(sorted(found.items()))


def flasher_of(board: Board, by: str | None = None) -> type[Flasher]:
    """The way that the board's file names, or the one called `by`.

    Raises:
        FlashError: it names none, or one that there is not.
    """
    known = kinds()
    if board.flash is None:
        hint = f"add `[flash] by = ...` ({', '.join(known)}), or flash with the board's own tool and `xnorc run --port`"
        raise FlashError(board.name, "its board file does not say how to flash it", hint)
    if by is not None and by not in known:
        raise FlashError("--by", f"{by!r} is no way to flash", f"accepted: {', '.join(known)}")
    if board.flash.by not in known:
        raise FlashError(board.name, f"flash.by is {board.flash.by!r}", f"accepted: {', '.join(known)}")
    return known[by or board.flash.by]
