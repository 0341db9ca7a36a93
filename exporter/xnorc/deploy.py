# SPDX-License-Identifier: Apache-2.0
"""Program + target -> a running device with a client connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xnorc.build import Firmware, build_firmware, build_host
from xnorc.link.client import Client
from xnorc.link.protocol import Info
from xnorc.plan import Plan
from xnorc.program import Program, digest
from xnorc.targets import Target


@dataclass(frozen=True)
class Device:
    """A program running somewhere.

    Attributes:
        plan: what was rendered for the target.
        firmware: sizes of the built image; None where the target has no board.
        client: connected, and proved to run this very program.
    """

    target: Target
    plan: Plan
    firmware: Firmware | None
    client: Client


@contextmanager
def running(
    program: Program,
    target: Target,
    out: Path,
    *,
    sanitize: bool = False,
    on_text: Callable[[str], None] | None = None,
) -> Iterator[Device]:
    """Build `program` for the target, start it, connect; stops it at the end.

    Args:
        out: folder for what is built.
        sanitize: build a program of this machine under ASan and UBSan.
        on_text: gets lines of text that the device prints, such as a fault.

    Raises:
        FitError, ToolError, LinkError: see `build_firmware`, `Target.open` and `Client.connect`.
    """
    firmware: Firmware | None = None
    if target.board is None:
        planned, image = build_host(program, out, sanitize)
    else:
        firmware = build_firmware(program, target.board, out)
        planned, image = firmware.plan, firmware.image.elf
    stream = target.open(image)
    try:
        client = Client(stream, name=target.name, on_text=on_text)
        client.connect(digest=digest(program))
        yield Device(target, planned, firmware, client)
    finally:
        stream.close()


def prove(program: Program, target: Target, firmware: Firmware, on_text: Callable[[str], None] | None = None) -> Info:
    """See that a board which was just flashed has booted, and that what it runs is what was built.

    Raises:
        LinkError: no answer, another program, another image; the CRC-32 is taken by the board, over its own flash.
        ToolError: the port cannot be opened.
    """
    stream = target.open(firmware.image.elf)
    try:
        client = Client(stream, name=target.name, on_text=on_text)
        info = client.connect(digest=digest(program))
        client.prove(firmware.image.binary.read_bytes())
        return info
    finally:
        stream.close()
