# SPDX-License-Identifier: Apache-2.0
"""Messages of the link protocol, version 1 (docs/contracts.md section 4): dataclasses to bytes and back.

payload = version u8 | type u8 | seq u16 | body; every integer is little-endian.  A reply's `parse` raises `BadReply` on
any body that is not exactly as long as its own fields say.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

VERSION = 1
HEADER = 4  # bytes before the body
REPLY_BIT = 0x80
ERROR_TYPE = 0xFF
INPUT = 0xFFFF  # as a node number: the input tensor

ERRORS = {
    1: "bad CRC",
    2: "bad frame",
    3: "frame too long",
    4: "unknown protocol version",
    5: "unknown request type",
    6: "bad body length",
    7: "out of bounds",
    8: "the input's checksum differs",
    9: "nothing has run on this input yet",
    10: "no session",
    11: "old sequence number",
    12: "the board has no bootloader that can be started",
    13: "a request before it is missing",
}
COUNTERS = {0: "", 1: "SysTick", 2: "DWT", 3: "clock"}  # 3: nanoseconds of a machine that is no board
REPEAT = {1, 2, 3}  # error codes of a frame that arrived damaged


class BadReply(Exception):
    """A reply whose body does not have the length that its type demands."""


@dataclass(frozen=True)
class Message:
    """A payload taken apart."""

    version: int
    type: int
    seq: int
    body: bytes

    def encode(self) -> bytes:
        return struct.pack("<BBH", self.version, self.type, self.seq) + self.body

    @classmethod
    def decode(cls, payload: bytes) -> Message | None:
        """None where the payload is shorter than a header."""
        if len(payload) < HEADER:
            return None
        version, kind, seq = struct.unpack_from("<BBH", payload)
        return cls(version, kind, seq, payload[HEADER:])


def _fields(layout: str, body: bytes, *, exact: bool = True) -> tuple[int, ...]:
    size = struct.calcsize(layout)
    if len(body) < size or (exact and len(body) != size):
        raise BadReply(f"{len(body)} bytes instead of {size}{'' if exact else ' or more'}")
    return struct.unpack_from(layout, body)


@dataclass(frozen=True)
class Hello:
    """Start session number `session`, or go on with it."""

    type: ClassVar[int] = 0x01
    session: int

    def body(self) -> bytes:
        return struct.pack("<I", self.session)


@dataclass(frozen=True)
class Info:
    """What a device says of itself.

    Attributes:
        session: the session number it was asked for.
        abi: BNN_ABI of its runtime.
        counter: what counts its ticks, see `COUNTERS`; counter_hz of them a second on the board.
        kept: results of the last RUNs that it can send again in a session that goes in order.
        room: bytes that it receives while it is busy: what may be under way; 0 where it polls.
        max_body: bytes of the longest request body it takes.
        nodes, logits, input_bytes, arena_bytes: of the model in it.
        digest: 8 bytes, `xnorc.program.digest`.
        board, model: names.
    """

    session: int
    protocol: int
    abi: int
    counter: int
    counter_hz: int
    max_body: int
    nodes: int
    logits: int
    input_bytes: int
    arena_bytes: int
    digest: bytes
    board: str
    model: str
    kept: int = 0
    room: int = 0

    _LAYOUT: ClassVar[str] = "<IBBBBIHHHHII8sBB"

    @classmethod
    def parse(cls, body: bytes) -> Info:
        *numbers, digest, board, model = struct.unpack_from(cls._LAYOUT, _at_least(cls._LAYOUT, body))
        names = body[struct.calcsize(cls._LAYOUT) :]
        if len(names) != board + model:
            raise BadReply(f"{len(names)} bytes of names instead of {board + model}")
        session, protocol, abi, counter, kept, hz, max_body, nodes, logits, room, input_bytes, arena_bytes = numbers
        return cls(
            session, protocol, abi, counter, hz, max_body, nodes, logits, input_bytes, arena_bytes, digest,
            names[:board].decode("utf-8", "replace"), names[board:].decode("utf-8", "replace"), kept, room,
        )  # fmt: skip


@dataclass(frozen=True)
class Load:
    """Write `data` into the input at `offset`."""

    type: ClassVar[int] = 0x02
    offset: int
    data: bytes

    def body(self) -> bytes:
        return struct.pack("<I", self.offset) + self.data


@dataclass(frozen=True)
class Loaded:
    offset: int
    length: int

    @classmethod
    def parse(cls, body: bytes) -> Loaded:
        return cls(*_fields("<IH", body))


@dataclass(frozen=True)
class Run:
    """Run the input, whose CRC-32 is `crc`; `truth` is its label, -1 where unknown."""

    type: ClassVar[int] = 0x03
    crc: int
    truth: int = -1

    def body(self) -> bytes:
        return struct.pack("<Ihxx", self.crc, self.truth)


@dataclass(frozen=True)
class Ran:
    """label: index of the greatest logit; ticks: of the nodes alone; logits: int32 (classes,)."""

    label: int
    ticks: int
    logits: np.ndarray

    @classmethod
    def parse(cls, body: bytes) -> Ran:
        label, ticks = _fields("<HxxI", body, exact=False)
        if len(body) % 4:
            raise BadReply(f"{len(body) - 8} bytes of logits")
        return cls(label, ticks, np.frombuffer(body, "<i4", offset=8).astype(np.int32))


@dataclass(frozen=True)
class ReadTensor:
    """Read `length` bytes at `offset` of what node `node` writes (INPUT: of the input)."""

    type: ClassVar[int] = 0x04
    node: int
    length: int
    offset: int

    def body(self) -> bytes:
        return struct.pack("<HHI", self.node, self.length, self.offset)


@dataclass(frozen=True)
class TensorBytes:
    offset: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> TensorBytes:
        (offset,) = _fields("<I", body, exact=False)
        return cls(offset, body[4:])


@dataclass(frozen=True)
class ReadTotals:
    """Read the session's totals, and start them again from 0 if `reset`."""

    type: ClassVar[int] = 0x05
    reset: bool = False

    def body(self) -> bytes:
        return bytes([self.reset])


@dataclass(frozen=True)
class Totals:
    """samples run; of these, with a known label; of these, right; ticks of all."""

    samples: int
    known: int
    correct: int
    ticks: int

    @classmethod
    def parse(cls, body: bytes) -> Totals:
        return cls(*_fields("<IIIQ", body))


@dataclass(frozen=True)
class ReadLayers:
    """Read the ticks of nodes `first` and after."""

    type: ClassVar[int] = 0x06
    first: int

    def body(self) -> bytes:
        return struct.pack("<H", self.first)


@dataclass(frozen=True)
class Layers:
    first: int
    ticks: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> Layers:
        first, count = _fields("<HH", body, exact=False)
        return cls(first, _fields(f"<{count}I", body[4:]))


@dataclass(frozen=True)
class ReadStack:
    """Ask how deep the stack has been."""

    type: ClassVar[int] = 0x08

    def body(self) -> bytes:
        return b""


@dataclass(frozen=True)
class Stack:
    """Bytes set aside for the stack, and how many of them have been in use since reset; both 0 where unknown."""

    reserve: int
    used: int

    @classmethod
    def parse(cls, body: bytes) -> Stack:
        return cls(*_fields("<II", body))


@dataclass(frozen=True)
class StartBootloader:
    """Reset into the chip's ROM bootloader."""

    type: ClassVar[int] = 0x07
    MAGIC: ClassVar[bytes] = b"BOOT"

    def body(self) -> bytes:
        return self.MAGIC


@dataclass(frozen=True)
class ReadImage:
    """Ask which image lies in flash."""

    type: ClassVar[int] = 0x09

    def body(self) -> bytes:
        return b""


@dataclass(frozen=True)
class InOrder:
    """From now on nothing but the next number is taken, so that requests may follow each other without waiting."""

    type: ClassVar[int] = 0x0A
    on: bool = True

    def body(self) -> bytes:
        return bytes([self.on])


@dataclass(frozen=True)
class Ordered:
    on: int

    @classmethod
    def parse(cls, body: bytes) -> Ordered:
        return cls(*_fields("<B", body))


@dataclass(frozen=True)
class FlashImage:
    """length in bytes and CRC-32 of the image in flash; length 0 where there is no flash."""

    length: int
    crc: int

    @classmethod
    def parse(cls, body: bytes) -> FlashImage:
        return cls(*_fields("<II", body))

    @classmethod
    def of(cls, binary: bytes) -> FlashImage:
        """What a device says that runs this `firmware.bin`."""
        return cls(len(binary), zlib.crc32(binary))


@dataclass(frozen=True)
class Refusal:
    """The body of an error reply; `detail` depends on the code (docs/contracts.md)."""

    code: int
    request: int
    detail: int

    @classmethod
    def parse(cls, body: bytes) -> Refusal:
        return cls(*_fields("<BBI", body))

    @property
    def text(self) -> str:
        return ERRORS.get(self.code, f"error {self.code}")


Request = Hello | Load | Run | ReadTensor | ReadTotals | ReadLayers | ReadStack | ReadImage | StartBootloader | InOrder


def _at_least(layout: str, body: bytes) -> bytes:
    if len(body) < struct.calcsize(layout):
        raise BadReply(f"{len(body)} bytes instead of {struct.calcsize(layout)} or more")
    return body
