# SPDX-License-Identifier: Apache-2.0
"""One request at a time over a `Stream`, repeated until its own reply comes.

A request is the same frame however often it is sent, and the device carries an equal frame out once: what the line
loses, damages, repeats or delays changes no result.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from xnorc.errors import LinkError, ToolError
from xnorc.link.frames import Decoder, encode
from xnorc.link.protocol import ERROR_TYPE, REPEAT, REPLY_BIT, VERSION, BadReply, Hello, Message, Refusal, Request
from xnorc.targets.stream import Stream

POLL = 0.02  # s; how long one read of the stream may wait
SETTLE = 0.02  # s; how long a reply may still come after the device complained of a damaged frame
LONGER = 4  # see Exchange's patience
REBUILD = "build and flash again"

T = TypeVar("T")


class UnknownRequest(LinkError):
    """The device's firmware is older than this request."""


class InputDiffers(LinkError):
    """The device does not hold the input that it was told to run."""


class Exchange:
    """Requests and replies.

    Args:
        stream: where the device is; its `timeout` is set here.
        name: what error messages call the device.
        patience: seconds of silence after which a request is given up; a device that is heard, but says other things
            (it still answers what an earlier host sent), gets `LONGER` times as long.
        first_wait: seconds until an unanswered request is repeated for the first time; doubled each time.
        on_text: called with lines of plain text that the device prints.

    Attributes:
        repeats: requests sent again so far.
    """

    def __init__(
        self, stream: Stream, name: str, patience: float, first_wait: float, on_text: Callable[[str], None] | None
    ) -> None:
        self.name, self.patience, self.first_wait = name, patience, first_wait
        self.repeats = 0
        self._stream = stream
        self._on_text = on_text or (lambda line: None)
        self._fault = ""
        self._heard = 0.0  # when the last sound frame came
        self._decoder = Decoder(self._text)
        self._seq = secrets.randbelow(0xFFFF) + 1
        self._fastest: dict[int, float] = {}  # request type -> seconds; the least is what losses do not stretch
        stream.timeout = min(POLL, first_wait)

    def ask(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Send `request` until its reply comes; `parse` turns the reply's body into its dataclass.

        Raises:
            LinkError: no answer, a malformed one, a refusal, a fault; `InputDiffers` where the device says so.
            ToolError: what stood behind the stream has ended.
        """
        body = self._until_answered(request)
        try:
            return parse(body)
        except BadReply as error:
            what = f"a malformed reply to {type(request).__name__}: {error}"
            raise LinkError(self.name, what, REBUILD) from error

    def _until_answered(self, request: Request) -> bytes:
        """The body of the reply with this request's type and a sequence number of its own."""
        # The leading 0x00 ends whatever garbage the line carried before.
        frame = b"\0" + self.number(request)[1]
        started = time.monotonic()
        known = self._fastest.get(request.type)
        wait = self.first_wait if known is None else max(self.first_wait / 4, 4 * known)
        while (now := time.monotonic()) < (end := self.end(started)):
            self.send(frame)
            reply = self._await_reply(request, min(now + wait, end))
            if reply is not None:
                took = time.monotonic() - started
                self._fastest[request.type] = min(self._fastest.get(request.type, took), took)
                return reply
            wait *= 2
            self.repeats += 1
        raise self.silence(started)

    def number(self, request: Request) -> tuple[int, bytes]:
        """The next sequence number, and the frame of `request` under it."""
        self._seq = self._seq % 0xFFFF + 1  # never 0, the seq of complaints about damaged frames
        return self._seq, encode(Message(VERSION, request.type, self._seq, request.body()).encode())

    def send(self, frame: bytes) -> None:
        """Write a frame."""
        self._guard(lambda: self._stream.write(frame))

    def end(self, started: float) -> float:
        """When to give up a request that was first sent at `started`."""
        return min(max(started, self._heard) + self.patience, started + LONGER * self.patience)

    def _await_reply(self, request: Request, until: float) -> bytes | None:
        """The reply's body; None if it has not come by `until`, or soon after a complaint of a damaged frame."""
        while (now := time.monotonic()) < until:
            for message in self.receive():
                if message.type == ERROR_TYPE:
                    refusal = Refusal.parse(message.body)
                    if refusal.code in REPEAT:
                        until = min(until, now + SETTLE)
                    elif self._is_ours(message, request, refusal):
                        raise self.refused(refusal)
                elif message.version == VERSION and self._is_ours(message, request):
                    return message.body
        return None

    def _is_ours(self, message: Message, request: Request, refusal: Refusal | None = None) -> bool:
        """Whether a message answers `request`, and not one before it or one of an earlier host.

        An earlier host's numbers may equal ours until the reply to our HELLO, with our session number, has come.  A
        sound HELLO can be refused for nothing but its version.
        """
        if message.seq != self._seq:
            return False
        if refusal is not None:
            return refusal.request == request.type and (refusal.code == 4 or not isinstance(request, Hello))
        if message.type != request.type | REPLY_BIT:
            return False
        return not isinstance(request, Hello) or message.body.startswith(request.body())

    def receive(self) -> list[Message]:
        """What has come, waiting for up to `POLL` seconds."""
        stream = self._stream
        data = self._guard(lambda: stream.read(max(1, stream.in_waiting)))
        messages = [Message.decode(payload) for payload in self._decoder.feed(data)]
        if messages:
            self._heard = time.monotonic()
        if not data:
            self._decoder.flush_text()
        if self._fault:
            raise self._faulted()
        return [message for message in messages if message is not None]

    def refused(self, refusal: Refusal) -> LinkError:
        """What to raise for a request that was refused."""
        if refusal.code == 4:
            return LinkError(self.name, *other_version(refusal.detail))
        if refusal.code == 5:
            what = f"does not know request {refusal.request:#04x}"
            return UnknownRequest(self.name, what, f"its firmware is older: {REBUILD}")
        if refusal.code == 8:
            hint = "check the cable or lower the baud rate"
            return InputDiffers(self.name, "holds another input than the one sent", hint)
        if refusal.code == 10:
            return LinkError(self.name, "restarted during the session", "check its power supply; its totals are lost")
        what = f"refused request {refusal.request:#04x}: {refusal.text} (detail {refusal.detail})"
        return LinkError(self.name, what)

    def silence(self, started: float) -> LinkError:
        """What to raise where nothing has been answered since `started`."""
        damaged = self._decoder.damaged
        heard = f"no answer within {time.monotonic() - started:.1f} s"
        heard += f", but {damaged} damaged frames" if damaged else ""
        complained = getattr(self._stream, "complaint", str)()  # an emulator's last warning
        heard += f"; its last complaint: {complained}" if complained else ""
        return LinkError(self.name, heard, "is the xnorc firmware running, is the baud rate right?")

    def _faulted(self) -> LinkError:
        return LinkError(self.name, self._fault, "the firmware stopped: reset the device")

    def _guard(self, action: Callable[[], T]) -> T:
        """Do something with the stream; where it has ended because the device faulted, say so."""
        try:
            return action()
        except (ToolError, LinkError, OSError) as error:
            self._decoder.flush_text()
            if self._fault:
                raise self._faulted() from error
            if isinstance(error, OSError):
                raise LinkError(self.name, f"the connection broke: {error}", "check the cable") from error
            raise

    def _text(self, line: str) -> None:
        if line.startswith("fault"):
            self._fault = line
        self._on_text(line)


def other_version(version: int) -> tuple[str, str]:
    """What is wrong, and what helps, where a device speaks another version of the protocol."""
    return f"speaks link protocol {version}", f"this xnorc speaks {VERSION}: {REBUILD}"
