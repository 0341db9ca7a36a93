# SPDX-License-Identifier: Apache-2.0
"""Modem lines and parity, which a pty does not have: over RFC 2217, with pyserial's own server."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator

import pytest
from serial import rfc2217

from tests.flash.simulator import Chip
from xnorc.boards import Flash, load
from xnorc.errors import FlashError
from xnorc.flash.image import Image
from xnorc.flash.stm32.chips import CHIPS
from xnorc.flash.ways.stm32 import Stm32

IMAGE = Image.of("f.bin", [(0x08000000, bytes(range(256)))])


class Adapter:
    """A USB-serial adapter whose lines are wired to a chip's NRST and BOOT0, as `reset` and `boot0` say.

    The PortManager of pyserial sets its attributes as it would those of a `serial.Serial`.
    """

    def __init__(self, chip: Chip, reset: str, boot0: str) -> None:
        self.chip, self.reset, self.boot0 = chip, reset, boot0
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = False
        self.levels = {"rts": False, "dtr": False}
        self.held = False
        chip.dead = True  # it runs some program

    def acts(self, line: str) -> bool:
        return self.levels[line.removeprefix("-")] != line.startswith("-")

    def set(self, line: str, level: bool) -> None:
        self.levels[line] = level
        if self.held and not self.acts(self.reset):
            self.chip.reset()
            self.chip.dead = not self.acts(self.boot0)
        self.held = self.acts(self.reset)

    rts = property(lambda self: self.levels["rts"], lambda self, level: self.set("rts", bool(level)))
    dtr = property(lambda self: self.levels["dtr"], lambda self, level: self.set("dtr", bool(level)))

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...

    def feed(self, data: bytes) -> bytes:
        return self.chip.feed(data) if self.parity == "E" and not self.held else b""


class Connection:
    def __init__(self, connected: socket.socket) -> None:
        self.connected = connected

    def write(self, data: bytes) -> None:
        self.connected.sendall(data)


@contextlib.contextmanager
def served(adapter: Adapter) -> Iterator[str]:
    """The adapter at an rfc2217:// URL."""

    def serve() -> None:
        connected, _ = listener.accept()
        with connected:
            manager = rfc2217.PortManager(adapter, Connection(connected))
            with contextlib.suppress(OSError):
                while data := connected.recv(4096):
                    answer = adapter.feed(b"".join(manager.filter(data)))
                    connected.sendall(b"".join(manager.escape(answer)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize(("reset", "boot0"), [("rts", "dtr"), ("-dtr", "rts")])
def test_the_lines_lead_into_the_bootloader_and_out_of_it(reset: str, boot0: str) -> None:
    chip = Chip(0x413, CHIPS[0x413].units)
    adapter = Adapter(chip, reset, boot0)
    board = dataclasses.replace(load("netduinoplus2"), flash=Flash("stm32", (0x413,), "dtr_rts", reset, boot0))
    with served(adapter) as url:
        assert Stm32(board, url).flash(IMAGE, lambda *_: None) == "read back"
    assert chip.memory[:256] == bytes(range(256))
    assert chip.started == 0x08000000
    assert not adapter.acts(boot0)
    assert (adapter.parity, adapter.baudrate) == ("E", 115200)


def test_lines_that_are_wired_otherwise_find_no_bootloader() -> None:
    chip = Chip(0x413, CHIPS[0x413].units)
    board = dataclasses.replace(load("netduinoplus2"), flash=Flash("stm32", (0x413,), "dtr_rts", "rts", "dtr"))
    with served(Adapter(chip, "rts", "-dtr")) as url, pytest.raises(FlashError, match="no STM32 bootloader answers"):
        Stm32(board, url).flash(IMAGE, lambda *_: None)
