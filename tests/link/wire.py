# SPDX-License-Identifier: Apache-2.0
"""Frames by hand: what a test sends that `Client` never would, and a stream that damages what passes through it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from xnorc.link.frames import Decoder, encode
from xnorc.link.protocol import Message
from xnorc.targets.stream import Stream


class Wire:
    """Payloads to and from a device, with nothing repeated and nothing hidden."""

    def __init__(self, stream: Stream, patience: float = 10.0) -> None:
        self.stream, self.patience = stream, patience
        self._decoder = Decoder()
        self._inbox: list[bytes] = []
        stream.timeout = 0.02

    def send(self, *payloads: bytes) -> None:
        self.stream.write(b"".join(map(encode, payloads)))

    def receive(self, count: int = 1) -> list[Message]:
        """The next `count` messages; fewer only if the device stays silent for too long."""
        end = time.monotonic() + self.patience
        while len(self._inbox) < count and time.monotonic() < end:
            self._inbox += self._decoder.feed(self.stream.read(max(1, self.stream.in_waiting)))
        taken, self._inbox = self._inbox[:count], self._inbox[count:]
        return [message for payload in taken if (message := Message.decode(payload)) is not None]

    def ask(self, payload: bytes) -> Message:
        self.send(payload)
        (reply,) = self.receive()
        return reply

    def silent(self, seconds: float = 0.1) -> bool:
        """True if nothing more comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._inbox += self._decoder.feed(self.stream.read(max(1, self.stream.in_waiting)))
        return not self._inbox


class LossyStream:
    """A stream whose line drops, damages, cuts, repeats and reorders frames in both directions as the dice fall.

    `rate` is the chance of each mishap per frame; `memory` old frames may come again at any later time.
    """

    def __init__(self, stream: Stream, rate: float, seed: int, memory: int = 6) -> None:
        self._stream, self._rate = stream, rate
        self._dice = random.Random(seed)
        self._memory = memory
        self._sent: list[bytes] = []
        self._heard: list[bytes] = []
        self._rest = b""
        self._buffer = b""
        self.mishaps = 0

    @property
    def timeout(self) -> float | None:
        return self._stream.timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._stream.timeout = seconds

    @property
    def in_waiting(self) -> int:
        self._pull(self._stream.in_waiting)
        return len(self._buffer)

    def read(self, size: int = 1, /) -> bytes:
        if not self._buffer:
            self._pull(1)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        self._stream.write(b"".join(self._through(data, self._sent)))
        return len(data)

    def close(self) -> None:
        self._stream.close()

    def _pull(self, size: int) -> None:
        data = self._stream.read(size) if size else b""
        if data:
            *frames, self._rest = (self._rest + data).split(b"\0")
            for frame in frames:
                self._buffer += b"".join(self._through(frame + b"\0", self._heard))

    def _happens(self) -> bool:
        mishap = self._dice.random() < self._rate
        self.mishaps += mishap
        return mishap

    def _through(self, frame: bytes, memory: list[bytes]) -> Iterator[bytes]:
        dice = self._dice
        memory[:] = [*memory, frame][-self._memory :]
        if self._happens():  # an old frame comes again, before
            yield dice.choice(memory)
        if self._happens():  # lost
            return
        damaged = bytearray(frame)
        if self._happens():  # a byte changed
            damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
        if self._happens():  # bytes lost
            at = dice.randrange(len(damaged))
            del damaged[at : at + dice.randrange(1, 5)]
        if self._happens():  # bytes put in
            at = dice.randrange(len(damaged) + 1)
            damaged[at:at] = dice.randbytes(dice.randrange(1, 9))
        yield bytes(damaged)
        if self._happens():  # twice
            yield frame
        if self._happens():  # an old frame comes again, after
            yield dice.choice(memory)
