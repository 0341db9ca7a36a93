# SPDX-License-Identifier: Apache-2.0
"""A real board on a serial port: by name (/dev/ttyACM0, COM3), or by URL (socket://host:port, rfc2217://host:port)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xnorc.boards import Board
from xnorc.targets.port import open_port
from xnorc.targets.stream import Stream
from xnorc.targets.target import Target


@dataclass(frozen=True)
class Serial(Target):
    """A board that was flashed with the program before.

    Attributes:
        port: the serial port's name or URL.
        baud: instead of the board's.
    """

    kind: ClassVar[str] = "serial"
    unit: ClassVar[str] = "cycles"
    board: Board
    port: str
    baud: int | None = None

    def count(self, ticks: int) -> int:
        """Core cycles: what SysTick counts."""
        return ticks

    def open(self, image: Path | None = None, timeout: float | None = 5.0) -> Stream:
        """Open the port, 8N1, without touching the modem lines more than opening does; `image` is not read.

        Raises:
            ToolError: there is no such port, it is busy, or its URL is malformed; names the ports that exist.
        """
        stream: Stream = open_port(self.port, self.baud or self.board.uart.baud, timeout=timeout)
        return stream
