# SPDX-License-Identifier: Apache-2.0
"""An emulator that runs already, reached at a port: what it counts are instructions, as where xnorc starts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xnorc.boards import Board
from xnorc.targets.port import open_port
from xnorc.targets.stream import Stream
from xnorc.targets.target import Target


@dataclass(frozen=True)
class Running(Target):
    """No kind of its own: it goes by that of the emulator.

    Attributes:
        like: the target that would have started it, with the very options that it has.
        port: its serial port by name or URL (socket://host:port).
        baud: instead of the board's.
    """

    board: Board
    like: Target
    port: str
    baud: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.like.kind)
        object.__setattr__(self, "unit", self.like.unit)

    @property
    def emulated(self) -> bool:
        return True

    def count(self, ticks: int) -> int | None:
        """As the emulator's own target."""
        return self.like.count(ticks)

    def open(self, image: Path | None = None, timeout: float | None = 5.0) -> Stream:
        """Open the port; `image` is not read.

        Raises:
            ToolError: as `Serial.open`.
        """
        return open_port(self.port, self.baud or self.board.uart.baud, timeout)
