# SPDX-License-Identifier: Apache-2.0
"""Opening a serial port, by name or URL; what can go wrong there, in one line each."""

from __future__ import annotations

import errno
from typing import Any

from xnorc.errors import ToolError

BROKEN: tuple[type[Exception], ...] = (OSError,)  # what a port raises whose cable is pulled
try:
    import termios

    BROKEN = (OSError, termios.error)
except ImportError:  # Windows
    pass


def open_port(port: str, baud: int, timeout: float | None = 5.0, *, even_parity: bool = False) -> Any:
    """A `serial.Serial`, 8N1 or 8E1.  A pty has no parity: it is opened without.

    Raises:
        ToolError: there is no such port, it is busy, not ours to open, or its URL is malformed.
    """
    import serial

    parities = (serial.PARITY_EVEN, serial.PARITY_NONE) if even_parity else (serial.PARITY_NONE,)
    more: dict[str, Any] = {}
    if "://" not in port:  # a URL's server decides who may come, and RFC 2217 has no limit of a write in pyserial
        more = {"write_timeout": 10.0, "exclusive": True}
    for parity in parities:
        stream: Any = None
        try:
            stream = serial.serial_for_url(port, baudrate=baud, timeout=0.0, parity=parity, **more)
            stream.timeout = timeout  # sets the port up once more: a pty says only now that it has no parity
            return stream
        except (serial.SerialException, ValueError, *BROKEN) as error:
            if stream is not None:
                stream.close()
            code = number(error) or number(error.__cause__ or error.__context__)
            unsupported = code == errno.EINVAL or "Invalid argument" in str(error)
            if parity != parities[-1] and unsupported:
                continue  # a pty (Linux: termios refuses parity there)
            raise ToolError(port, f"cannot be opened: {reason(error)}", hint(code)) from error
    raise AssertionError("every parity was tried")


def number(error: BaseException | None) -> int | None:
    """The system's error number; of a termios.error, the first of its arguments."""
    first = error.args[0] if error is not None and error.args else None
    found = getattr(error, "errno", None) or first
    return found if isinstance(found, int) else None


def reason(error: Exception) -> str:
    """The first line of what the system says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def hint(code: int | None) -> str:
    if code in (errno.EACCES, errno.EPERM):
        return "join the group of serial ports: sudo usermod -aG dialout $USER, then log in again"
    if code in (errno.EBUSY, errno.EAGAIN):
        return "another program holds it: close that"
    return ports()


def ports() -> str:
    """The serial ports of this machine, for a hint."""
    from serial.tools.list_ports import comports

    found = [f"{port.device} ({port.description})" for port in sorted(comports())]
    return "ports here: " + (", ".join(found) or "none")
