# SPDX-License-Identifier: Apache-2.0
"""The host's end of the link protocol: one request at a time over a `Stream`, repeated until its own reply comes.

A request is the same frame however often it is sent, and the device carries an equal frame out once: a sample is counted once
whatever the line loses, damages, repeats or delays.
"""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Callable
from typing import TypeVar

from xnorc.errors import LinkError, ToolError
from xnorc.report.frames import Decoder, encode
from xnorc.report.protocol import (
    ERROR_TYPE,
    INPUT,
    REPEAT,
    REPLY_BIT,
    VERSION,
    BadReply,
    Hello,
    Info,
    Layers,
    Load,
    Loaded,
    Message,
    Ran,
    ReadLayers,
    ReadTensor,
    ReadTotals,
    Refusal,
    Request,
    Run,
    TensorBytes,
    Totals,
)
from xnorc.targets.stream import Stream

POLL = 0.02  # s; how long one read of the stream may wait
SETTLE = 0.02  # s; how long a reply may still come after the device complained of a damaged frame
TENSOR_CHUNK = 1024  # bytes of a tensor asked for at once
RELOADS = 3  # times an input is sent again after the device found another checksum

T = TypeVar("T")


class InputDiffers(LinkError):
    """The device does not hold the input that it was told to run."""


class Client:
    """A session with one device.

    Args:
        stream: where the device is; its `timeout` is set here.
        name: what error messages call the device.
        patience: seconds after which a request that got no reply is given up.
        first_wait: seconds until an unanswered request is repeated for the first time; doubled each time.
        on_text: called with lines of plain text that the device prints.

    Every method raises `LinkError`: no answer, a device that faulted or restarted, another protocol version, a refused request.
    """

    def __init__(
        self,
        stream: Stream,
        name: str = "device",
        patience: float = 30.0,
        first_wait: float = 0.5,
        on_text: Callable[[str], None] | None = None,
    ) -> None:
        self.name, self.patience, self.first_wait = name, patience, first_wait
        self.repeats = 0  # requests sent again so far
        self.info: Info | None = None
        self._stream = stream
        self._on_text = on_text or (lambda line: None)
        self._fault = ""
        self._decoder = Decoder(self._text)
        self._inbox: list[Message] = []
        self._seq = secrets.randbelow(0xFFFF) + 1
        self._slowest: dict[int, float] = {}
        stream.timeout = min(POLL, first_wait)

    def hello(self, session: int | None = None) -> Info:
        """Start a session (a fresh random number unless given) and learn what the device is."""
        number = secrets.randbits(32) if session is None else session
        info = self._ask(Hello(number), Info.parse, lambda reply: reply.session == number)
        if info.protocol != VERSION:
            raise LinkError(self.name, f"speaks link protocol {info.protocol}", f"this xnorc speaks {VERSION}: build and flash again")
        self.info = info
        return info

    def connect(self, digest: bytes | None = None, abi: int | None = None) -> Info:
        """`hello`, then check that the device runs the program with this digest, on the runtime with this ABI."""
        info = self.hello()
        if abi is not None and info.abi != abi:
            raise LinkError(self.name, f"runs runtime ABI {info.abi}", f"this xnorc has {abi}: build and flash again")
        if digest is not None and info.digest != digest:
            what = f"runs model {info.model} ({info.digest.hex()}), not the program given ({digest.hex()})"
            raise LinkError(self.name, what, "build and flash this program first")
        return info

    def load(self, data: bytes) -> None:
        """Write the whole input."""
        info = self._known()
        if len(data) != info.input_bytes:
            raise LinkError(self.name, f"an input of {len(data)} bytes", f"the model in it takes {info.input_bytes}")
        step = info.max_body - 4
        for offset in range(0, len(data), step):
            piece = data[offset : offset + step]
            self._ask(Load(offset, piece), Loaded.parse, lambda r, o=offset, n=len(piece): (r.offset, r.length) == (o, n))

    def run(self, crc: int, truth: int = -1) -> Ran:
        """Run the input that is loaded; `crc` is its CRC-32, `truth` its label or -1.

        Raises:
            InputDiffers: the device holds another input.
        """
        classes = self._known().logits
        return self._ask(Run(crc, truth), Ran.parse, lambda reply: len(reply.logits) == classes)

    def sample(self, data: bytes, truth: int = -1) -> Ran:
        """Load one input and run it."""
        for _ in range(RELOADS):
            self.load(data)
            try:
                return self.run(zlib.crc32(data), truth)
            except InputDiffers as error:
                last = error
        raise last

    def tensor(self, node: int | None, length: int) -> bytes:
        """All `length` bytes that node number `node` wrote in the last run; None: the input."""
        number = INPUT if node is None else node
        parts = []
        for offset in range(0, length, TENSOR_CHUNK):
            size = min(TENSOR_CHUNK, length - offset)
            reply = self._ask(
                ReadTensor(number, size, offset),
                TensorBytes.parse,
                lambda r, o=offset, n=size: (r.offset, len(r.data)) == (o, n),
            )
            parts.append(reply.data)
        return b"".join(parts)

    def totals(self, reset: bool = False) -> Totals:
        """The session's totals as the device counted them; `reset` starts them again from 0 after reading."""
        return self._ask(ReadTotals(reset), Totals.parse)

    def layers(self) -> tuple[int, ...]:
        """Ticks of every node in the last run."""
        ticks: list[int] = []
        while len(ticks) < self._known().nodes:
            first = len(ticks)
            reply = self._ask(ReadLayers(first), Layers.parse, lambda r, f=first: r.first == f and len(r.ticks) > 0)
            ticks.extend(reply.ticks)
        return tuple(ticks)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _known(self) -> Info:
        if self.info is None:
            raise LinkError(self.name, "no session was started", "call hello() or connect() first")
        return self.info

    def _ask(self, request: Request, parse: Callable[[bytes], T], fits: Callable[[T], bool] = lambda reply: True) -> T:
        body = self._exchange(request)
        try:
            reply = parse(body)
        except BadReply as error:
            raise LinkError(self.name, f"a malformed reply to {type(request).__name__}: {error}", "build and flash again") from error
        if not fits(reply):
            raise LinkError(self.name, f"a reply that does not fit its {type(request).__name__}: {reply}", "build and flash again")
        return reply

    def _exchange(self, request: Request) -> bytes:
        """Send, repeat, wait: the body of the reply with this request's type and sequence number."""
        self._seq = self._seq % 0xFFFF + 1  # never 0: that is the seq of complaints about damaged frames
        # The leading 0x00 ends whatever garbage the line carried before.
        frame = b"\0" + encode(Message(VERSION, request.type, self._seq, request.body()).encode())
        started = time.monotonic()
        known = self._slowest.get(request.type)
        wait = self.first_wait if known is None else max(self.first_wait / 4, 4 * known)
        while (now := time.monotonic()) - started < self.patience:
            self._guard(lambda: self._stream.write(frame))
            reply = self._reply(request.type, now + min(wait, started + self.patience - now))
            if reply is not None:
                took = time.monotonic() - started
                self._slowest[request.type] = max(self._slowest.get(request.type, 0.0), took) if wait < self.patience else took
                return reply
            wait *= 2
            self.repeats += 1
        raise self._silence()

    def _reply(self, kind: int, until: float) -> bytes | None:
        """The body of the current request's reply, or None if it has not come by `until` or the frame arrived damaged."""
        while (now := time.monotonic()) < until:
            for message in self._receive():
                if message.type == ERROR_TYPE:
                    refusal = self._refusal(message)
                    if refusal.code in REPEAT:
                        until = min(until, now + SETTLE)
                    elif message.seq == self._seq:
                        raise self._refused(refusal)
                elif message.version == VERSION and message.type == kind | REPLY_BIT and message.seq == self._seq:
                    return message.body
        return None

    def _receive(self) -> list[Message]:
        stream = self._stream
        data = self._guard(lambda: stream.read(max(1, stream.in_waiting)))
        if not data:
            self._decoder.flush_text()
            if self._fault:
                raise LinkError(self.name, self._fault, "the firmware stopped; reset the device")
        messages = (Message.decode(payload) for payload in self._decoder.feed(data))
        return [message for message in messages if message is not None]

    def _refusal(self, message: Message) -> Refusal:
        try:
            return Refusal.parse(message.body)
        except BadReply:
            return Refusal(2, 0, 0)  # an error reply that is itself damaged

    def _refused(self, refusal: Refusal) -> LinkError:
        if refusal.code == 4:
            return LinkError(self.name, f"speaks link protocol {refusal.detail}", f"this xnorc speaks {VERSION}: build and flash again")
        if refusal.code == 8:
            return InputDiffers(self.name, "holds another input than the one sent", "check the cable or lower the baud rate")
        if refusal.code == 10:
            return LinkError(self.name, "restarted during the session", "check its power supply; totals are lost")
        return LinkError(self.name, f"refused request {refusal.request:#04x}: {refusal.text} (detail {refusal.detail})")

    def _silence(self) -> LinkError:
        self._decoder.flush_text()
        if self._fault:
            return LinkError(self.name, self._fault, "the firmware stopped; reset the device")
        heard = f", but {self._decoder.damaged} damaged frames" if self._decoder.damaged else ""
        return LinkError(self.name, f"no answer within {self.patience:g} s{heard}", "is the firmware running, is the baud rate right?")

    def _guard(self, action: Callable[[], T]) -> T:
        """Do something with the stream; where that fails because the device faulted, say so."""
        try:
            return action()
        except (ToolError, LinkError, OSError) as error:
            self._decoder.flush_text()
            if self._fault:
                raise LinkError(self.name, self._fault, "the firmware stopped") from error
            if isinstance(error, OSError):
                raise LinkError(self.name, f"the connection broke: {error}", "check the cable") from error
            raise

    def _text(self, line: str) -> None:
        if line.startswith("fault"):
            self._fault = line
        self._on_text(line)
