# SPDX-License-Identifier: Apache-2.0
"""Where a program runs (host, qemu, renode, serial), each as one byte stream; one file a kind."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from xnorc.boards import Board
from xnorc.errors import ToolError
from xnorc.targets.stream import Stream

T = TypeVar("T")
KINDS = ("host", "qemu", "renode", "serial")


def open_target(
    kind: str,
    board: Board | None = None,
    image: Path | None = None,
    *,
    port: str | None = None,
    baud: int | None = None,
    timeout: float | None = 5.0,
) -> Stream:
    """Start (or reach) a program and return the stream to it; the caller closes it.

    Args:
        kind: `host` runs `image`, an executable; `qemu` and `renode` boot `image`, an ELF file, on `board`;
            `serial` opens `port`, where the board runs already.
        port: a serial port's name or URL; only for `serial`.
        baud: instead of the board's; only for `serial`.
        timeout: seconds, as `Stream.timeout`.

    Raises:
        ToolError: a tool, file or port is missing, or the kind is unknown.
        BoardError: the emulator does not have this board.
    """
    if kind not in KINDS:
        raise ToolError("target", f"{kind!r} is none", ", ".join(KINDS))
    if kind == "serial":
        from xnorc.targets.serial import open_serial

        return open_serial(given(board, kind, "a board"), given(port, kind, "a port"), baud=baud, timeout=timeout)
    program = given(image, kind, "a program")
    if kind == "host":
        from xnorc.targets.host import HostStream

        return HostStream(program, timeout)
    if kind == "qemu":
        from xnorc.targets.qemu import open_qemu

        return open_qemu(given(board, kind, "a board"), program, timeout=timeout)
    from xnorc.targets.renode import open_renode

    return open_renode(given(board, kind, "a board"), program, timeout=timeout)


def given(value: T | None, kind: str, what: str) -> T:
    if value is None:
        raise ToolError(kind, f"needs {what}")
    return value
