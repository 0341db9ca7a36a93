# SPDX-License-Identifier: Apache-2.0
"""The host's end of the link protocol (docs/contracts.md section 4): what can be asked of a device, as methods."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator

from xnorc.errors import LinkError
from xnorc.link.exchange import REBUILD, Exchange, InputDiffers, UnknownRequest, other_version
from xnorc.link.pipeline import Pipeline
from xnorc.link.protocol import (
    INPUT,
    VERSION,
    FlashImage,
    Hello,
    Info,
    InOrder,
    Layers,
    Load,
    Loaded,
    Ordered,
    Ran,
    ReadImage,
    ReadLayers,
    ReadStack,
    ReadTensor,
    ReadTotals,
    Run,
    Stack,
    StartBootloader,
    TensorBytes,
    Totals,
)
from xnorc.targets.stream import Stream

TENSOR_CHUNK = 1024  # bytes of a tensor asked for at once
RELOADS = 3  # times an input is sent again after the device found another checksum


class Client:
    """A session with one device.

    Args:
        stream: where the device is; its `timeout` is set here.
        name: what error messages call the device.
        patience: seconds after which a request that got no reply is given up.
        first_wait: seconds until an unanswered request is repeated for the first time; doubled each time.
        on_text: called with lines of plain text that the device prints.
        room: bytes that may be under way to the device, instead of what it states itself.

    Every method raises `LinkError` (no answer, a device that faulted or restarted, another protocol version, a refused
    request) or what the stream raises when it has ended.

    Attributes:
        info: what the device said of itself; None before `connect` or `hello`.
    """

    def __init__(
        self,
        stream: Stream,
        name: str = "device",
        patience: float = 30.0,
        first_wait: float = 0.5,
        on_text: Callable[[str], None] | None = None,
        room: int | None = None,
    ) -> None:
        self.name = name
        self._room, self._first_wait = room, first_wait
        self._pipeline: Pipeline | None = None
        self.info: Info | None = None
        self._stream = stream
        self._exchange = Exchange(stream, name, patience, first_wait, on_text)

    @property
    def repeats(self) -> int:
        """Requests that had to be sent again so far."""
        return self._exchange.repeats + (self._pipeline.repeats if self._pipeline is not None else 0)

    def hello(self, session: int | None = None) -> Info:
        """Start a session (a fresh random number unless given) and learn what the device is."""
        number = secrets.randbits(32) if session is None else session
        info = self._exchange.ask(Hello(number), Info.parse)
        if info.protocol != VERSION:
            raise LinkError(self.name, *other_version(info.protocol))
        self.info, self._pipeline = info, None
        return info

    def connect(self, digest: bytes | None = None, abi: int | None = None) -> Info:
        """`hello`, then check that the device runs the program with this digest, on the runtime with this ABI."""
        info = self.hello()
        if abi is not None and info.abi != abi:
            raise LinkError(self.name, f"has runtime ABI {info.abi}", f"this xnorc has {abi}: {REBUILD}")
        if digest is not None and info.digest != digest:
            what = f"runs model {info.model} ({info.digest.hex()}), not the program given ({digest.hex()})"
            raise LinkError(self.name, what, "build and flash this program first")
        return info

    def load(self, data: bytes) -> None:
        """Write the whole input."""
        info = self._known()
        if len(data) != info.input_bytes:
            raise LinkError(self.name, f"an input of {len(data)} bytes", f"its model takes {info.input_bytes}")
        step = info.max_body - 4
        for offset in range(0, len(data), step):
            piece = data[offset : offset + step]
            reply = self._exchange.ask(Load(offset, piece), Loaded.parse)
            self._expect((reply.offset, reply.length) == (offset, len(piece)), reply)

    def run(self, crc: int, truth: int = -1) -> Ran:
        """Run the input that is loaded; `crc` is its CRC-32, `truth` its label or -1.

        Raises:
            InputDiffers: the device holds another input.
        """
        classes = self._known().logits
        reply = self._exchange.ask(Run(crc, truth), Ran.parse)
        self._expect(len(reply.logits) == classes and reply.label < classes, reply)
        return reply

    def sample(self, data: bytes, truth: int = -1) -> Ran:
        """Load one input and run it."""
        crc = zlib.crc32(data)
        for attempt in range(1, RELOADS + 1):
            self.load(data)
            try:
                return self.run(crc, truth)
            except InputDiffers:
                if attempt == RELOADS:
                    raise
        raise AssertionError("RELOADS is positive")

    @property
    def room(self) -> int:
        """Bytes that may be under way; 0: one request at a time."""
        return self._known().room if self._room is None else self._room

    def samples(self, pieces: Iterable[tuple[bytes, int]]) -> Iterator[Ran]:
        """Load and run every (input, truth), with as much under way as the device has room for; results in order.

        To be read to the end: nothing else may be asked before.
        """
        info = self._known()
        if self.room <= info.max_body:  # also firmware that knows of no order
            for data, truth in pieces:
                yield self.sample(data, truth)
            return
        if self._pipeline is None:
            self._exchange.ask(InOrder(), Ordered.parse)
            self._pipeline = Pipeline(self._exchange, info.max_body, self.room, info.kept, self._first_wait)
        for ran in self._pipeline.run(self._fitting(pieces)):
            self._expect(len(ran.logits) == info.logits and ran.label < info.logits, ran)
            yield ran

    def _fitting(self, pieces: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        takes = self._known().input_bytes
        for data, truth in pieces:
            if len(data) != takes:
                raise LinkError(self.name, f"an input of {len(data)} bytes", f"its model takes {takes}")
            yield data, truth

    def tensor(self, node: int | None, length: int) -> bytes:
        """All `length` bytes that node number `node` wrote in the last run; None: the input."""
        number = INPUT if node is None else node
        parts = []
        for offset in range(0, length, TENSOR_CHUNK):
            size = min(TENSOR_CHUNK, length - offset)
            reply = self._exchange.ask(ReadTensor(number, size, offset), TensorBytes.parse)
            self._expect((reply.offset, len(reply.data)) == (offset, size), reply)
            parts.append(reply.data)
        return b"".join(parts)

    def totals(self, reset: bool = False) -> Totals:
        """The session's totals as the device counted them; `reset` starts them again from 0 after reading."""
        return self._exchange.ask(ReadTotals(reset), Totals.parse)

    def layers(self) -> tuple[int, ...]:
        """Ticks of every node in the last run."""
        ticks: tuple[int, ...] = ()
        while len(ticks) < self._known().nodes:
            reply = self._exchange.ask(ReadLayers(len(ticks)), Layers.parse)
            self._expect(reply.first == len(ticks) and len(reply.ticks) > 0, reply)
            ticks += reply.ticks
        return ticks

    def stack(self) -> Stack | None:
        """How deep the stack has been since reset; None where the device cannot tell."""
        try:
            found = self._exchange.ask(ReadStack(), Stack.parse)
        except UnknownRequest:
            return None
        return found if found.reserve else None

    def image(self) -> FlashImage | None:
        """Length and checksum of the image in flash, as the device reads it; None where the device cannot tell."""
        try:
            found = self._exchange.ask(ReadImage(), FlashImage.parse)
        except UnknownRequest:
            return None
        return found if found.length else None

    def start_bootloader(self) -> None:
        """Reset into the chip's ROM bootloader.  A board that has gone before its reply came is no error.

        Raises:
            LinkError: it has no bootloader, or does not know the request.
        """
        self._exchange.ask(StartBootloader(), lambda body: None)

    def prove(self, binary: bytes) -> None:
        """Check that what lies in the device's flash is `binary` (a `firmware.bin`), byte for byte.

        Raises:
            LinkError: it is another image, or the firmware is too old to tell.
        """
        found, wanted = self.image(), FlashImage.of(binary)
        if found is None:
            raise LinkError(self.name, "cannot tell which image it runs", REBUILD)
        if found != wanted:
            what = f"runs an image of {found.length} bytes with CRC-32 {found.crc:08x}"
            raise LinkError(self.name, f"{what}, built were {wanted.length} with {wanted.crc:08x}", "flash it again")

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _known(self) -> Info:
        if self.info is None:
            raise LinkError(self.name, "no session was started", "call connect() or hello() first")
        return self.info

    def _expect(self, holds: bool, reply: object) -> None:
        if not holds:
            raise LinkError(self.name, f"a reply that does not fit its request: {reply}", REBUILD)
