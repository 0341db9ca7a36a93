# SPDX-License-Identifier: Apache-2.0
"""A board on a desk: a simulated chip behind a pty; GO starts the bytes in its flash on QEMU, on the same wire."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

from tests.flash.simulator import Chip


class Desk:
    """See the module.

    Args:
        chip: what is on the board.
        machine: QEMU's machine that runs its program; empty: none is run.
        folder: where the flash's content is written for QEMU.
        memory: bytes of flash that QEMU is given.
        rom: where QEMU's stand-in for the ROM bootloader lies; 0: none.  It ends QEMU, and the chip listens again.

    Attributes:
        port: the pty's name.
        entered: how often a running program has gone into the bootloader.
    """

    def __init__(self, chip: Chip, machine: str, folder: Path, memory: int, rom: int = 0) -> None:
        self.chip, self.machine, self.folder, self.memory, self.rom = chip, machine, folder, memory, rom
        self.entered = 0
        self.outer, self._inner = os.openpty()  # the inner end stays open: a host may come and go
        tty.setraw(self._inner)
        os.set_blocking(self.outer, False)
        self.port = os.ttyname(self._inner)
        self._wake, self._stop = os.pipe()
        self._link: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stop)
        self._thread.join(10)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for fd in (self.outer, self._inner, self._wake):
            os.close(fd)
        if self._link is not None:
            self._link.close()

    def _serve(self) -> None:
        to_host, to_board = bytearray(), bytearray()
        while True:
            sources: list[object] = [self._wake]
            sources += [self.outer] if len(to_board) < 1 << 16 else []
            sources += [self._link] if self._link is not None and len(to_host) < 1 << 16 else []
            sinks: list[object] = [self.outer] if to_host else []
            sinks += [self._link] if self._link is not None and to_board else []
            readable, writable, _ = select.select(sources, sinks, [])  # type: ignore[type-var]
            if self._wake in readable:
                return
            if self.outer in readable:
                to_board += os.read(self.outer, 4096)
            if self._link is None:
                to_host += self.chip.feed(bytes(to_board))
                to_board.clear()
                if self.chip.started is not None and self.machine:
                    self._boot()
                    continue
            elif self._link in readable:
                got = self._link.recv(4096)
                to_host += got
                if not got:  # the program has gone into the bootloader
                    self._link.close()
                    self._link = None
                    self.entered += 1
                    to_board.clear()
                    self.chip.reset()
                    continue
            if self._link is not None and self._link in writable:
                del to_board[: self._link.send(to_board)]
            if self.outer in writable and to_host:
                with contextlib.suppress(BlockingIOError):
                    del to_host[: os.write(self.outer, to_host)]

    def _boot(self) -> None:
        content = self.folder / "flash.bin"
        content.write_bytes(self.chip.memory[: self.memory])
        self._link, theirs = socket.socketpair()
        command = ["qemu-system-arm", "-M", self.machine, "-nodefaults", "-display", "none", "-monitor", "none"]
        command += ["-icount", "shift=6,sleep=off", "-chardev", f"socket,id=link,fd={theirs.fileno()}"]
        command += ["-serial", "chardev:link"]
        if self.rom:
            (self.folder / "rom.bin").write_bytes(rom_at(self.rom))
            command += ["-device", f"loader,file={self.folder / 'rom.bin'},addr={self.rom:#x},force-raw=on"]
            command += ["-semihosting-config", "enable=on,target=native"]
        command += ["-device", f"loader,file={content},addr={self.chip.started:#x},force-raw=on"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()
        self._link.setblocking(False)


def rom_at(address: int) -> bytes:
    """A vector table and the semihosting call that ends QEMU: movs r0, #0x18; ldr r1, =0x20026; bkpt 0xab."""
    return struct.pack("<II4HI", 0x20001000, address + 9, 0x2018, 0x4901, 0xBEAB, 0xBF00, 0x20026)


@contextlib.contextmanager
def desk(chip: Chip, machine: str, folder: Path, memory: int = 0, rom: int = 0) -> Iterator[Desk]:
    made = Desk(chip, machine, folder, memory or len(chip.memory), rom)
    try:
        yield made
    finally:
        made.close()
