# SPDX-License-Identifier: Apache-2.0
"""Samples a second over a paced line, against what the line allows: `python -m tests.bench.link`.

The device is a program of this machine with a model that costs nothing and an input of 360 bytes; the line carries
`baud` / 10 bytes a second each way, in both directions at once, and delivers them `delay` seconds late, as a USB bridge
does.  A line allows as many samples as their LOAD and RUN frames take time in one direction.
"""

from __future__ import annotations

import argparse
import queue
import tempfile
import threading
import time
import zlib
from pathlib import Path

from tests.link import fake
from tests.link.fake_device import build_fake
from xnorc.errors import ToolError
from xnorc.link.client import Client
from xnorc.link.frames import encode
from xnorc.link.protocol import Load, Message, Run
from xnorc.targets.host import HostStream
from xnorc.targets.stream import Stream


class _Wire:
    """One direction: what is put in comes out at the line's pace."""

    def __init__(self, rate: float, delay: float) -> None:
        self._rate, self._delay = rate, delay
        self._free = 0.0  # when the line has carried everything put in so far
        self.out: queue.Queue[tuple[float, bytes]] = queue.Queue()

    def put(self, data: bytes) -> None:
        for at in range(0, len(data), 64):  # a USB packet at a time
            piece = data[at : at + 64]
            self._free = max(self._free, time.monotonic()) + len(piece) / self._rate
            self.out.put((self._free + self._delay, piece))


class PacedStream:
    """A stream behind a line of `rate` bytes a second and `delay` seconds each way."""

    def __init__(self, stream: Stream, rate: float, delay: float) -> None:
        self.timeout: float | None = None
        self._stream = stream
        self._down, self._up = _Wire(rate, delay), _Wire(rate, delay)
        self._held = b""
        stream.timeout = 0.001
        self._open = True
        for work in (self._carry, self._listen):
            threading.Thread(target=work, daemon=True).start()

    def _carry(self) -> None:
        while self._open:
            due, piece = self._down.out.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self._stream.write(piece)

    def _listen(self) -> None:
        while self._open:
            try:
                data = self._stream.read(max(1, self._stream.in_waiting))
            except ToolError:  # closed
                return
            if data:
                self._up.put(data)

    @property
    def in_waiting(self) -> int:
        return len(self._held)

    def read(self, size: int = 1, /) -> bytes:
        if not self._held:
            try:
                due, self._held = self._up.out.get(timeout=self.timeout)
                time.sleep(max(0.0, due - time.monotonic()))
            except queue.Empty:
                return b""
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        self._down.put(data)
        return len(data)

    def close(self) -> None:
        self._open = False


def wire_bytes(data: bytes, max_body: int) -> int:
    """Bytes that a sample takes on the line, towards the device."""
    step = max_body - 4
    requests: list[Load | Run] = [Load(at, data[at : at + step]) for at in range(0, len(data), step)]
    requests.append(Run(zlib.crc32(data)))
    return sum(len(encode(Message(1, each.type, 1, each.body()).encode())) for each in requests)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--baud", type=int, default=921_600)
    options.add_argument("--delay-ms", type=float, default=1.0)
    options.add_argument("--samples", type=int, default=1000)
    chosen = options.parse_args()
    rate, pieces = chosen.baud / 10, [(image.tobytes(), -1) for image in fake.images(chosen.samples)]
    with tempfile.TemporaryDirectory() as folder:
        device = build_fake(Path(folder) / "fake", sanitize=False)
        for room in (0, 256, 512, 1024, 2048):
            with HostStream(device) as stream:
                line = PacedStream(stream, rate, chosen.delay_ms / 1e3)
                client = Client(line, room=room)
                info = client.connect()
                allowed = rate / wire_bytes(pieces[0][0], info.max_body)
                started = time.monotonic()
                assert len(list(client.samples(pieces))) == len(pieces)
                found = len(pieces) / (time.monotonic() - started)
                assert client.totals().samples == len(pieces)
                share = f"{100 * found / allowed:5.1f} % of {allowed:.1f}"
                print(f"room {room:5d} bytes: {found:7.1f} samples/s, {share}, {client.repeats} repeats", flush=True)
                line.close()


if __name__ == "__main__":
    main()
