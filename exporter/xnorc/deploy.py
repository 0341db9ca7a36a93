# SPDX-License-Identifier: Apache-2.0
"""Program + target kind -> a running device with a client connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xnorc.boards import Board
from xnorc.build import Firmware, build_firmware, build_host
from xnorc.errors import ToolError
from xnorc.link.client import Client
from xnorc.plan import Plan
from xnorc.program import Program, digest
from xnorc.targets import KINDS, open_target


@dataclass(frozen=True)
class Device:
    """A program running somewhere.

    Attributes:
        kind: host, qemu, renode or serial.
        board: None on the host.
        plan: what was rendered for it.
        firmware: sizes of the built image; None on the host and on a board that was not built for now.
        client: connected, and proved to run this very program.
    """

    kind: str
    board: Board | None
    plan: Plan
    firmware: Firmware | None
    client: Client


@contextmanager
def running(
    program: Program,
    kind: str,
    board: Board | None,
    out: Path,
    *,
    port: str | None = None,
    baud: int | None = None,
    sanitize: bool = False,
    on_text: Callable[[str], None] | None = None,
) -> Iterator[Device]:
    """Build `program` for the target, start it, connect; stops it at the end.

    Args:
        kind: host, qemu, renode or serial.
        board: needed but for the host.
        out: folder for what is built.
        port, baud: for serial: where a board that was flashed with this program is.
        sanitize: build the host target under ASan and UBSan.
        on_text: gets lines of text that the device prints, such as a fault.

    Raises:
        FitError, ToolError, BoardError, LinkError: see `build_firmware`, `open_target` and `Client.connect`.
    """
    if kind not in KINDS:
        raise ToolError("target", f"{kind!r} is none", ", ".join(KINDS))
    firmware: Firmware | None = None
    if kind == "host":
        planned, program_file = build_host(program, out, sanitize)
    else:
        if board is None:
            raise ToolError(kind, "needs a board", "give --board; `xnorc boards` lists them")
        firmware = build_firmware(program, board, out)
        planned, program_file = firmware.plan, firmware.image.elf
    stream = open_target(kind, board, program_file, port=port, baud=baud)
    try:
        client = Client(stream, name=board.name if board is not None else kind, on_text=on_text)
        client.connect(digest=digest(program))
        yield Device(kind, board, planned, firmware, client)
    finally:
        stream.close()
