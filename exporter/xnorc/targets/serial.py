# SPDX-License-Identifier: Apache-2.0
"""A real board on a serial port: by name (/dev/ttyACM0, COM3), or by URL (socket://host:port, rfc2217://host:port)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xnorc.boards import Board
from xnorc.errors import ToolError
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
        return open_port(self.port, self.baud or self.board.uart.baud, timeout)


def open_port(port: str, baud: int, timeout: float | None) -> Stream:
    """A serial port by name or URL, 8N1.

    Raises:
        ToolError: see `Serial.open`.
    """
    import serial

    try:
        stream: Stream = serial.serial_for_url(port, baudrate=baud, timeout=timeout)
    except (serial.SerialException, ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ToolError(port, f"cannot be opened: {reason}", ports()) from error
    return stream


def ports() -> str:
    """The serial ports of this machine, for a hint."""
    from serial.tools.list_ports import comports

    found = [f"{port.device} ({port.description})" for port in sorted(comports())]
    return "ports here: " + (", ".join(found) or "none")
