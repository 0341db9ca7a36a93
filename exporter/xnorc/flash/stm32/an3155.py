# SPDX-License-Identifier: Apache-2.0
"""A client of the STM32 ROM bootloader over a UART, written from ST AN3155 ("USART protocol used in the STM32
bootloader").  Every number in it is of that document's chapter 3.

A command is its code and the code's complement; each part of a command ends with a checksum (XOR) and is answered by
ACK or NACK.  Every wait has an end, every reply has the length that was asked for, or it is an error.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from xnorc.errors import FlashError
from xnorc.targets.port import BROKEN, reason
from xnorc.targets.stream import Stream

SYNC, ACK, NACK = 0x7F, 0x79, 0x1F
GET, GET_VERSION, GET_ID, READ, GO, WRITE = 0x00, 0x01, 0x02, 0x11, 0x21, 0x31
ERASE, EXTENDED_ERASE, READOUT_UNPROTECT = 0x43, 0x44, 0x92
BLOCK = 256  # most bytes of one read or write
FILLER = 0xFF  # completes a command that an earlier host left half sent: no sound command, and an empty write

DRAINS = 64  # reads of 64 bytes
REPLY = 1.0  # s; longest wait for an answer that needs no flash
SLOW = 1.0  # s; for 256 bytes written (F4: 16 us typical a word, 100 us at most)
ERASES = 30.0  # s; for one erase command (F4: 4 s at most a 128 KB sector at 8 bits; a mass erase 32 s at most)
NAMES = {GET: "GET", GET_VERSION: "GET VERSION", GET_ID: "GET ID", READ: "READ", GO: "GO", WRITE: "WRITE"}
NAMES |= {ERASE: "ERASE", EXTENDED_ERASE: "EXTENDED ERASE", READOUT_UNPROTECT: "READOUT UNPROTECT"}


class Refused(FlashError):
    """The bootloader said NACK."""


class Bootloader:
    """The bootloader at the other end of a stream.

    Args:
        stream: where it is, 8E1 on a real UART; its `timeout` is set here.
        name: what errors call it: the port.

    Raises (every method):
        Refused: the bootloader said NACK.
        FlashError: it did not answer in time, or answered something that is no answer; the stream broke.

    Attributes:
        commands: the codes that this bootloader knows; set by `get`.
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self._stream, self.name = stream, name
        self.commands: frozenset[int] = frozenset()

    def sync(self) -> None:
        """Get the bootloader to listen: fresh from reset, already listening, or with half a command of an earlier
        host."""
        self._drain()
        for byte, wait, times in ((SYNC, 0.3, 3), (FILLER, 0.02, BLOCK + 4)):
            for _ in range(times):
                self._send(bytes([byte]))
                said = self._read(1, wait)
                if said in (bytes([ACK]), bytes([NACK])):
                    self._drain()
                    return
                if said:
                    what = f"answers {said.hex()} where a bootloader says 79"
                    raise FlashError(self.name, what, "is it in its bootloader? Reset it into the bootloader again")
        hint = "is it in its bootloader, is the port right?"
        raise FlashError(self.name, "no STM32 bootloader answers", hint)

    def listens(self) -> bool:
        """Whether a bootloader answers at once; one that has half a command of an earlier host does not."""
        for _ in range(3):
            self._send(bytes([SYNC]))
            if said := self._read(1, 0.3):
                self._drain()
                return said in (bytes([ACK]), bytes([NACK]))
        return False

    def get(self) -> int:
        """Learn its commands; the version, as 0x31 for 3.1."""
        self._command(GET)
        count = self._exact(1, GET)[0]
        version, *commands = self._exact(count + 1, GET)
        self._ack(GET)
        self.commands = frozenset(commands)
        return version

    def version(self) -> int:
        """GET VERSION's version; the two bytes behind it, of old bootloaders, are read and dropped."""
        self._command(GET_VERSION)
        version = self._exact(3, GET_VERSION)[0]
        self._ack(GET_VERSION)
        return version

    def chip_id(self) -> int:
        """The product id of the chip (chips.py)."""
        self._command(GET_ID)
        count = self._exact(1, GET_ID)[0] + 1
        if count != 2:
            raise FlashError(self.name, f"gives a product id of {count} bytes instead of 2", "reset it and try again")
        found = int.from_bytes(self._exact(count, GET_ID), "big")
        self._ack(GET_ID)
        return found

    def read(self, address: int, count: int) -> bytes:
        """1 to 256 bytes of memory."""
        assert 0 < count <= BLOCK
        self._command(READ)
        self._address(READ, address)
        self._send(bytes([count - 1, (count - 1) ^ 0xFF]))
        self._ack(READ)
        return self._exact(count, READ)

    def write(self, address: int, data: bytes) -> None:
        """4 to 256 bytes, a multiple of 4, into erased flash."""
        assert 0 < len(data) <= BLOCK
        assert len(data) % 4 == 0
        self._command(WRITE)
        self._address(WRITE, address)
        self._send(checked(bytes([len(data) - 1]) + data))
        self._ack(WRITE, SLOW)

    def erase(self, units: tuple[int, ...]) -> None:
        """Erase these pages or sectors."""
        assert units
        if EXTENDED_ERASE in self.commands:
            self._command(EXTENDED_ERASE)
            numbers = [len(units) - 1, *units]
            self._send(checked(b"".join(n.to_bytes(2, "big") for n in numbers)))
            self._ack(EXTENDED_ERASE, ERASES)
        else:
            assert len(units) <= 255
            self._command(ERASE)
            self._send(checked(bytes([len(units) - 1, *units])))
            self._ack(ERASE, ERASES)

    def go(self, address: int) -> None:
        """Start the program whose vector table lies at `address`; the bootloader listens no more."""
        self._command(GO)
        self._address(GO, address)

    def readout_unprotect(self) -> None:
        """Lift the read-out protection.  This erases the whole chip, which then resets."""
        self._command(READOUT_UNPROTECT)
        self._ack(READOUT_UNPROTECT, ERASES)

    def _command(self, code: int) -> None:
        self._send(bytes([code, code ^ 0xFF]))
        self._ack(code)

    def _address(self, code: int, address: int) -> None:
        self._send(checked(address.to_bytes(4, "big")))
        self._ack(code)

    def _ack(self, code: int, wait: float = REPLY) -> None:
        said = self._exact(1, code, wait)[0]
        if said == NACK:
            raise Refused(self.name, f"the bootloader refused {NAMES[code]}", "reset the board and try again")
        if said != ACK:
            raise FlashError(self.name, f"answered {said:#04x} to {NAMES[code]}", "check the cable, then try again")

    def _exact(self, count: int, code: int, wait: float = REPLY) -> bytes:
        data = self._read(count, wait)
        if len(data) != count:
            got = f"{len(data)} of {count} bytes" if data else "nothing"
            hint = "check the cable and the power, then try again"
            raise FlashError(self.name, f"{NAMES[code]}: {got} came within {wait:g} s", hint)
        return data

    def _drain(self) -> None:
        """Drop what has come and what comes at once; one that never stops talking is left to whoever reads next."""
        for _ in range(DRAINS):
            if not self._read(64, 0.05):
                return

    def _read(self, count: int, wait: float) -> bytes:
        try:
            if self._stream.timeout != wait:
                self._stream.timeout = wait
            return bytes(self._stream.read(count))
        except BROKEN as error:
            raise self._broke(error) from error

    def _send(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except BROKEN as error:
            raise self._broke(error) from error

    def _broke(self, error: Exception) -> FlashError:
        return FlashError(self.name, f"the connection broke: {reason(error)}", "check the cable, then try again")


def checked(data: bytes) -> bytes:
    """`data` and its XOR; of a single byte, its complement (section 3.1)."""
    return data + bytes([reduce(xor, data) if len(data) > 1 else data[0] ^ 0xFF])
