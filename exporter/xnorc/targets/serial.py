# SPDX-License-Identifier: Apache-2.0
"""A real board on a serial port: by name (/dev/ttyACM0, COM3), or by URL (socket://host:port, rfc2217://host:port)."""

from __future__ import annotations

import serial

from xnorc.boards import Board
from xnorc.errors import ToolError
from xnorc.targets.stream import Stream


def open_serial(board: Board, port: str, *, baud: int | None = None, timeout: float | None = 5.0) -> Stream:
    """Open `port` at the board's baud rate (or `baud`), 8N1, without touching the modem lines more than opening does.

    Raises:
        ToolError: there is no such port, it is busy, or its URL is malformed; names the ports that exist.
    """
    try:
        stream: Stream = serial.serial_for_url(port, baudrate=baud or board.uart.baud, timeout=timeout)
    except (serial.SerialException, ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ToolError(port, f"cannot be opened: {reason}", ports()) from error
    return stream


def ports() -> str:
    """The serial ports of this machine, for a hint."""
    from serial.tools.list_ports import comports

    found = [f"{port.device} ({port.description})" for port in sorted(comports())]
    return "ports here: " + (", ".join(found) or "none")
