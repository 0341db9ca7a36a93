# SPDX-License-Identifier: Apache-2.0
"""`by = "stm32"`: the ROM bootloader over a UART, entered by modem lines, by a request on the link, or by hand."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from xnorc.errors import LinkError, ToolError
from xnorc.flash.flasher import Flasher, Progress
from xnorc.flash.image import Image
from xnorc.flash.stm32.an3155 import Bootloader
from xnorc.flash.stm32.writing import identify, write_image
from xnorc.link.client import Client
from xnorc.targets.port import BROKEN, open_port

BAUD = 115200  # the bootloader finds the rate by itself, up to 115200 on every chip (AN2606)
RESET = 0.05  # s that the reset line is held
NO_ANSWER: tuple[type[Exception], ...] = (LinkError, ToolError, *BROKEN)
ASKED = 1.0  # s that a running firmware gets to answer
BOOT = 0.1  # s from reset to a listening bootloader


class Stm32(Flasher):
    """See the module."""

    kind: ClassVar[str] = "stm32"

    def flash(self, image: Image, progress: Progress) -> str:
        table = self.board.flash
        assert table is not None
        stream = open_port(self.port, self.baud or BAUD, even_parity=True)
        try:
            loader = Bootloader(stream, self.port)
            self.enter(stream, loader)
            chip = identify(loader, table.chips, self.board.name)
            if self.unprotect:
                self.say("lifting the read-out protection: all of the chip is erased")
                loader.readout_unprotect()
                time.sleep(BOOT)
                self.enter(stream, loader)
                chip = identify(loader, table.chips, self.board.name)
            write_image(loader, chip, image, progress)
            self.leave(stream)
        finally:
            stream.close()
        return "read back"

    def enter(self, stream: Any, loader: Bootloader) -> None:
        """Into the bootloader: by the modem lines, by a word to our own firmware, or by what a person presses."""
        table = self.board.flash
        assert table is not None
        if table.entry == "dtr_rts":
            lines(stream, table.boot0, True)
            pulse(stream, table.reset)
            time.sleep(BOOT)
        elif not loader.listens() and not (table.bootloader and self.by_link(stream)) and table.words:
            self.say(table.words)

    def by_link(self, stream: Any) -> bool:
        """Ask an xnorc firmware that may be running to start the bootloader; whether it said yes."""
        before = stream.parity, stream.baudrate
        try:
            stream.parity, stream.baudrate = "N", self.board.uart.baud
            client = Client(stream, self.board.name, patience=ASKED, first_wait=ASKED / 4)
            client.hello()
            client.start_bootloader()
        except NO_ANSWER:
            return False
        finally:
            stream.parity, stream.baudrate = before
        time.sleep(BOOT)
        return True

    def leave(self, stream: Any) -> None:
        """Let go of BOOT0, so that the next reset starts the program."""
        assert self.board.flash is not None
        if self.board.flash.entry == "dtr_rts":
            lines(stream, self.board.flash.boot0, False)


def lines(stream: Any, line: str, on: bool) -> None:
    """Set a modem line: "rts" or "dtr" acts when it is asserted, "-rts" or "-dtr" when it is not."""
    level = on != line.startswith("-")
    if line.endswith("rts"):
        stream.rts = level
    else:
        stream.dtr = level


def pulse(stream: Any, line: str) -> None:
    lines(stream, line, True)
    time.sleep(RESET)
    lines(stream, line, False)
