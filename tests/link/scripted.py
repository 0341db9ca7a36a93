# SPDX-License-Identifier: Apache-2.0
"""A device played by the test: a stream that answers each frame with what a function says."""

from __future__ import annotations

import struct
from collections.abc import Callable

from xnorc.link.frames import Decoder, encode
from xnorc.link.protocol import Message

Answer = bytes | list[bytes] | Exception | None


def hello(session: bytes, protocol: int = 1, abi: int = 1, digest: bytes = b"DIGEST!!", logits: int = 2) -> bytes:
    """The body of a HELLO reply: a model of one node with 2 logits and an input of 6 bytes, in frames of at most 8."""
    numbers = struct.pack("<BBBBIHHHHII", protocol, abi, 1, 0, 1000, 8, 1, logits, 0, 6, 64)
    return session + numbers + digest + b"\1\3bnet"


def refusal(message: Message, code: int, detail: int = 0, seq: int | None = None) -> bytes:
    body = struct.pack("<BBI", code, message.type, detail)
    return encode(Message(1, 0xFF, message.seq if seq is None else seq, body).encode())


def reply(message: Message, body: bytes, seq: int | None = None) -> bytes:
    return encode(Message(1, message.type | 0x80, message.seq if seq is None else seq, body).encode())


class ScriptedStream:
    """`answer(message)` gives the wire bytes of the reply, an exception for the next read, or None for silence."""

    def __init__(self, answer: Callable[[Message], Answer]) -> None:
        self.timeout: float | None = None
        self.asked: list[Message] = []
        self.closed = False
        self._answer = answer
        self._decoder = Decoder()
        self._buffer: list[bytes | Exception] = []

    @property
    def in_waiting(self) -> int:
        return len(self._buffer[0]) if self._buffer and isinstance(self._buffer[0], bytes) else 0

    def read(self, size: int = 1, /) -> bytes:
        if not self._buffer:
            return b""
        first = self._buffer.pop(0)
        if isinstance(first, Exception):
            raise first
        if len(first) > size:
            self._buffer.insert(0, first[size:])
        return first[:size]

    def write(self, data: bytes, /) -> int:
        for payload in self._decoder.feed(data):
            message = Message.decode(payload)
            assert message is not None
            self.asked.append(message)
            answer = self._answer(message)
            if answer is not None:
                self._buffer += answer if isinstance(answer, list) else [answer]
        return len(data)

    def close(self) -> None:
        self.closed = True
