# SPDX-License-Identifier: Apache-2.0
"""A simulated STM32 ROM bootloader, written from ST AN3155 and not from the client: bytes in, bytes out, no clock.

Flash has its true semantics: an erase sets a page's bits, a write only clears bits, so that a missing erase shows.
Faults happen at one byte of the session, counted over both directions.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

ACK, NACK = b"\x79", b"\x1f"
FLASH = 0x08000000
KINDS = ("disconnect", "nack", "silence", "flip", "power cut", "host gone")
Wait = Generator[None, int, None]


@dataclass
class Fault:
    """`kind` happens at byte number `at` of the session."""

    kind: str
    at: int


class PowerCut(Exception):
    """The chip has lost its power."""


class HostGone(Exception):
    """Not an error of the chip: the program at the other end was killed."""


class Chip:
    """A chip in its bootloader.

    Args:
        id: product id.
        units: bytes of every page or sector.
        extended: whether it has EXTENDED ERASE instead of ERASE.

    Attributes:
        memory: its flash.
        protected: read-out protection; erases and ends with READOUT UNPROTECT.
        started: the address of GO, once it came.
        seen: every command that was carried out, by its code.
        erased: numbers of the units erased, in order.
    """

    def __init__(
        self, id: int, units: tuple[int, ...], extended: bool = True, protected: bool = False, base: int = FLASH
    ) -> None:
        self.base = base
        self.id, self.units, self.extended, self.protected = id, units, extended, protected
        self.memory = bytearray(b"\xa5" * sum(units))  # some other program
        self.fault: Fault | None = None
        self.seen: list[int] = []
        self.erased: list[int] = []
        self.counted = 0
        self.reset()

    def reset(self) -> None:
        """Into the bootloader, powered, listening for its first byte."""
        self.started: int | None = None
        self.dead = self.cut = False
        self.out = bytearray()
        self._run = self._session()
        next(self._run)

    def feed(self, data: bytes) -> bytes:
        """Bytes from the host -> what the chip answers."""
        for byte in data:
            hit = self._counts()
            if hit == "host gone":
                raise HostGone
            if hit == "disconnect":
                self.dead = True
                raise OSError("device disconnected")
            if self.dead:
                return b""
            if hit in ("silence", "nack"):  # a byte of the host is lost
                self.dead = hit == "silence"
                continue
            self.cut = self.cut or hit == "power cut"
            try:
                self._run.send(byte ^ (4 if hit == "flip" else 0))
            except (StopIteration, PowerCut):
                self.dead = self.dead or self.started is None
                break
            if self.cut:
                self.dead = True
        return self.take()

    def take(self) -> bytes:
        """What the chip has said, with what the fault makes of it."""
        said, self.out = bytes(self.out), bytearray()
        heard = bytearray()
        for byte in said:
            hit = self._counts()
            if hit == "disconnect":
                self.dead = True
                raise OSError("device disconnected")
            if hit == "host gone":
                raise HostGone
            if hit in ("silence", "power cut"):
                self.dead = True
            if self.dead:
                break
            heard.append(NACK[0] if hit == "nack" else byte ^ 4 if hit == "flip" else byte)
        return bytes(heard)

    def _counts(self) -> str:
        self.counted += 1
        return self.fault.kind if self.fault is not None and self.fault.at == self.counted - 1 else ""

    def _say(self, data: bytes) -> None:
        self.out += data

    def _session(self) -> Wait:
        while (yield) != 0x7F:
            pass
        self._say(ACK)
        commands = {0x00: self._get, 0x01: self._version, 0x02: self._id, 0x11: self._read, 0x21: self._go}
        commands |= {0x31: self._write, 0x92: self._unprotect}
        commands[0x44 if self.extended else 0x43] = self._extended if self.extended else self._standard
        while True:
            code, complement = (yield), (yield)
            if code ^ complement != 0xFF or code not in commands:
                self._say(NACK)
                continue
            if self.protected and code in (0x11, 0x21, 0x31, 0x43, 0x44):
                self._say(NACK)
                continue
            self._say(ACK)
            yield from commands[code]()
            self.seen.append(code)
            if self.started is not None:
                return

    def _get(self) -> Wait:
        codes = bytes([0x31, 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44 if self.extended else 0x43])
        codes += bytes([0x63, 0x73, 0x82, 0x92])
        self._say(bytes([len(codes) - 1]) + codes + ACK)
        yield from ()

    def _version(self) -> Wait:
        self._say(b"\x31\x00\x00" + ACK)
        yield from ()

    def _id(self) -> Wait:
        self._say(b"\x01" + self.id.to_bytes(2, "big") + ACK)
        yield from ()

    def _bytes(self, count: int) -> Generator[None, int, bytes]:
        got = bytearray()
        for _ in range(count):
            got.append((yield))
        return bytes(got)

    def _place(self) -> Generator[None, int, int | None]:
        """An address of the flash, or None after a NACK."""
        got = yield from self._bytes(5)
        address = int.from_bytes(got[:4], "big")
        if xored(got) or not self.base <= address < self.base + len(self.memory):
            self._say(NACK)
            return None
        self._say(ACK)
        return address - self.base

    def _read(self) -> Wait:
        at = yield from self._place()
        if at is None:
            return
        count, complement = yield from self._bytes(2)
        if count ^ complement != 0xFF:
            self._say(NACK)
            return
        self._say(ACK + self.memory[at : at + count + 1])

    def _write(self) -> Wait:
        at = yield from self._place()
        if at is None:
            return
        count = yield
        rest = yield from self._bytes(count + 2)
        data = rest[:-1]
        if xored(bytes([count]) + rest) or at % 4 or len(data) % 4:
            self._say(NACK)
            return
        for i, byte in enumerate(data):
            if self.cut and i == len(data) // 2:
                raise PowerCut
            self.memory[at + i] &= byte
        self._say(ACK)

    def _standard(self) -> Wait:
        count = yield
        if count == 0xFF:
            if (yield) != 0x00:
                self._say(NACK)
                return
            self._erase(range(len(self.units)))
            return
        got = yield from self._bytes(count + 2)
        if xored(bytes([count]) + got):
            self._say(NACK)
            return
        self._erase(got[:-1])

    def _extended(self) -> Wait:
        head = yield from self._bytes(2)
        count = int.from_bytes(head, "big")
        if count >= 0xFFF0:
            checksum = yield
            if xored(head) ^ checksum or count != 0xFFFF:
                self._say(NACK)
                return
            self._erase(range(len(self.units)))
            return
        got = yield from self._bytes(2 * count + 3)
        if xored(head + got):
            self._say(NACK)
            return
        self._erase([int.from_bytes(got[i : i + 2], "big") for i in range(0, len(got) - 1, 2)])

    def _erase(self, units: range | bytes | list[int]) -> None:
        for unit in units:
            if unit >= len(self.units):
                self._say(NACK)
                return
            start = sum(self.units[:unit])
            self.memory[start : start + self.units[unit]] = b"\xff" * self.units[unit]
            self.erased.append(unit)
            if self.cut:
                raise PowerCut
        self._say(ACK)

    def _unprotect(self) -> Wait:
        self._say(ACK)
        self.memory[:] = b"\xff" * len(self.memory)
        self.protected = False
        self._say(ACK)
        yield from ()

    def _go(self) -> Wait:
        at = yield from self._place()
        if at is not None:
            self.started = self.base + at


def xored(data: bytes) -> int:
    found = 0
    for byte in data:
        found ^= byte
    return found


class Wire:
    """A chip as the stream that xnorc reads and writes; waits for nothing."""

    timeout: float | None = None

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.waiting = bytearray()

    @property
    def in_waiting(self) -> int:
        return len(self.waiting)

    def read(self, size: int = 1, /) -> bytes:
        if self.chip.dead and self.chip.fault is not None and self.chip.fault.kind == "disconnect":
            raise OSError("device disconnected")
        taken = bytes(self.waiting[:size])
        del self.waiting[:size]
        return taken

    def write(self, data: bytes, /) -> int:
        self.waiting += self.chip.feed(data)
        return len(data)

    def close(self) -> None:
        pass
