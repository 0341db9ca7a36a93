# SPDX-License-Identifier: Apache-2.0
"""docs/contracts.md section 4 as a device in Python, slow and obvious: payload in, payload out.

It runs the fake program in numpy and knows nothing of bytes on the wire.  Ticks, which nobody can foretell, are 0.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tests.link import fake
from xnorc.render.model import ABI

MAX_BODY = 128
HEAD = struct.Struct("<BBH")


class Refused(Exception):
    def __init__(self, code: int, detail: int = 0) -> None:
        self.code, self.detail = code, detail


class Oracle:
    def __init__(self) -> None:
        self.program = fake.program()
        self.input = bytes(self.program.input.nbytes)
        self.session: int | None = None
        self.last: tuple[int, bytes] = (0, b"")
        self.kept = b""
        self._begin()

    def _begin(self) -> None:
        self.fresh = False  # a model has run on the input held
        self.ran = False
        self.in_order = 0
        self.runs: dict[tuple[int, bytes], bytes] = {}
        self.samples = self.known = self.correct = 0

    def answer(self, payload: bytes) -> bytes:
        """The one reply to a well-formed frame with this payload."""
        version, kind, seq = HEAD.unpack_from(payload)
        body = payload[HEAD.size :]
        if version != 1:
            return self._error(seq, kind, Refused(4, 1))
        new_session = kind == 1 and len(body) == 4 and struct.unpack("<I", body) != (self.session,)
        if new_session:
            (self.session,) = struct.unpack("<I", body)
            self._begin()
        elif self.session is None:
            return self._error(seq, kind, Refused(10))
        elif (seq, payload) == self.last:
            return self.kept
        elif (seq, payload) in self.runs:
            return self.runs[(seq, payload)]
        elif not 1 <= (seq - self.last[0]) % 65536 <= 32767:
            return self._error(seq, kind, Refused(11, self.last[0]))
        elif self.in_order and seq != self.last[0] % 65535 + 1:
            return self._error(seq, kind, Refused(13, self.last[0]))
        try:
            reply = HEAD.pack(1, kind | 0x80, seq) + self._carry_out(kind, body)
        except Refused as refused:
            reply = self._error(seq, kind, refused)
        self.last, self.kept = (seq, payload), reply
        if self.in_order and reply[1] == 0x83:
            self.runs[self.last] = reply
            self.runs = dict(list(self.runs.items())[-4:])
        return reply

    def _error(self, seq: int, kind: int, refused: Refused) -> bytes:
        return HEAD.pack(1, 0xFF, seq) + struct.pack("<BBI", refused.code, kind, refused.detail)

    def _carry_out(self, kind: int, body: bytes) -> bytes:
        lengths = {
            1: {4},
            2: set(range(5, MAX_BODY + 1)),
            3: {8},
            4: {8},
            5: {1},
            6: {2},
            7: {4},
            8: {0},
            9: {0},
            10: {1},
        }
        if kind not in lengths:
            raise Refused(5)
        if len(body) not in lengths[kind]:
            raise Refused(6)
        if kind == 7:  # a process of this machine has no bootloader
            raise Refused(12 if body == b"BOOT" else 7)
        if kind in (8, 9):  # a process of this machine knows of no stack reserve and has no flash
            return bytes(8)
        if kind == 10:
            if body[0] > 1:
                raise Refused(7, 1)
            self.in_order = body[0]
            return body
        return [self._hello, self._load, self._run, self._tensor, self._totals, self._layers][kind - 1](body)

    def _hello(self, body: bytes) -> bytes:
        layout = struct.pack(
            "<BBBBIHHHHII", 1, ABI, 3, 4, 10**9, MAX_BODY, 3, fake.CLASSES, 4096, len(self.input), 1112
        )
        return body + layout + fake.DIGEST + b"\4\4hostfake"

    def _load(self, body: bytes) -> bytes:
        (offset,), data = struct.unpack_from("<I", body), body[4:]
        if offset + len(data) > len(self.input):
            raise Refused(7, len(self.input))
        self.input = self.input[:offset] + data + self.input[offset + len(data) :]
        self.fresh = False
        return struct.pack("<IH", offset, len(data))

    def _image(self) -> np.ndarray:
        return np.frombuffer(self.input, np.uint8).reshape(1, *fake.SHAPE)

    def _run(self, body: bytes) -> bytes:
        crc, truth, _ = struct.unpack("<Ihh", body)
        if not -1 <= truth < fake.CLASSES:
            raise Refused(7, fake.CLASSES)
        if crc != zlib.crc32(self.input):
            raise Refused(8, zlib.crc32(self.input))
        logits = self.program.run(self._image())[0]
        label = int(logits.argmax())
        self.fresh = self.ran = True
        self.samples, self.known, self.correct = (
            self.samples + 1,
            self.known + (truth >= 0),
            self.correct + (truth == label),
        )
        return struct.pack("<HHI", label, 0, 0) + logits.astype("<i4").tobytes()

    def _tensor(self, body: bytes) -> bytes:
        node, length, offset = struct.unpack("<HHI", body)
        if node != 0xFFFF and node >= 3:
            raise Refused(7, 3)
        tensor = self.program.input if node == 0xFFFF else self.program.nodes[node].output
        if offset + length > tensor.nbytes:
            raise Refused(7, tensor.nbytes)
        if node != 0xFFFF and not self.fresh:
            raise Refused(9, tensor.nbytes)
        value = self.program.trace(self._image())[tensor.name][0]
        return struct.pack("<I", offset) + tensor.pack(value)[offset : offset + length]

    def _totals(self, body: bytes) -> bytes:
        if body[0] > 1:
            raise Refused(7, 1)
        reply = struct.pack("<IIIQ", self.samples, self.known, self.correct, 0)
        if body[0]:
            self.samples = self.known = self.correct = 0
        return reply

    def _layers(self, body: bytes) -> bytes:
        (first,) = struct.unpack("<H", body)
        if first > 3:
            raise Refused(7, 3)
        if not self.ran:
            raise Refused(9, 3)
        return struct.pack("<HH", first, 3 - first) + bytes(4 * (3 - first))


def without_ticks(reply: bytes) -> bytes:
    """A device's reply as the oracle would say it: ticks 0."""
    kind = reply[1]
    if kind == 0x83:
        return reply[:8] + bytes(4) + reply[12:]
    if kind == 0x85:
        return reply[:16] + bytes(8)
    if kind == 0x86:
        return reply[:8] + bytes(len(reply) - 8)
    return reply
