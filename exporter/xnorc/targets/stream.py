# SPDX-License-Identifier: Apache-2.0
"""What every target is to the rest of xnorc: a pyserial-like byte stream, whatever stands behind it."""

from __future__ import annotations

from typing import Protocol


class Stream(Protocol):
    """The part of `serial.Serial` that xnorc uses; a `serial.Serial` is one.

    `read(n)` returns as soon as n bytes are there, or fewer (perhaps none) when `timeout` seconds have passed;
    `timeout = None` waits without end.  `in_waiting` bytes can be read without waiting.  `write` takes all of its
    bytes.

    A stream of ours raises `ToolError` when what stands behind it has ended (an emulator that died says why); a
    `serial.Serial` raises `serial.SerialException` when its cable is pulled.
    """

    timeout: float | None

    @property
    def in_waiting(self) -> int: ...

    def read(self, size: int = 1, /) -> bytes: ...

    def write(self, data: bytes, /) -> int | None: ...

    def close(self) -> None: ...
