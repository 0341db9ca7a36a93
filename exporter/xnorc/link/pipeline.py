# SPDX-License-Identifier: Apache-2.0
"""Samples one after another without waiting for replies, in a session that goes in order.

The device takes nothing but the next number, so whatever has been answered tells that all before it was carried out,
and whatever was lost is sent again from there: see docs/contracts.md section 4 for why each sample counts once.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xnorc.errors import LinkError
from xnorc.link.exchange import REBUILD, SETTLE, Exchange
from xnorc.link.protocol import ERROR_TYPE, REPEAT, REPLY_BIT, VERSION, BadReply, Load, Message, Ran, Refusal, Run

OLD, GAP = 11, 13  # error codes


@dataclass
class _Sent:
    """A request that is not finished: a LOAD is once carried out, a RUN once its result has come."""

    seq: int
    request: Load | Run
    frame: bytes
    sent: bool = False
    carried_out: bool = False
    result: Ran | None = None

    @property
    def finished(self) -> bool:
        return self.carried_out if isinstance(self.request, Load) else self.result is not None


class Pipeline:
    """Requests under way in a session that goes in order.

    Args:
        exchange: with nothing under way; its numbers go on.
        max_body: bytes of the longest request body.
        room: bytes that may be under way.
        kept: results that the device can send again.
        first_wait: seconds without an answer until what is under way is sent again; doubled each time.

    Attributes:
        repeats: requests that had to be sent again.
    """

    def __init__(self, exchange: Exchange, max_body: int, room: int, kept: int, first_wait: float) -> None:
        self.repeats = 0
        self._exchange, self._step = exchange, max_body - 4
        self._room = self._limit = room
        self._kept, self._first_wait = kept, first_wait
        self._flight: deque[_Sent] = deque()
        self._trouble = False
        self._moved = time.monotonic()  # when something was last carried out
        self._fastest: float | None = None  # seconds that a RUN took; the least is what losses do not stretch

    def run(self, samples: Iterable[tuple[bytes, int]]) -> Iterator[Ran]:
        """Load and run every (input, truth); their results in order.  To be read to the end.

        Raises:
            LinkError: see `Client`.
        """
        ahead = self._requests(samples)
        moved, wait = self._moved, self._first_wait
        more = True
        while more or self._flight:
            more = self._fill(ahead) if more else self._fill(iter(()))
            for message in self._exchange.receive():
                self._take(message)
            while self._flight and self._flight[0].finished:
                result = self._flight.popleft().result
                if result is not None:
                    yield result
            if self._moved != moved:
                moved, wait = self._moved, max(self._first_wait, 4 * (self._fastest or 0.0))
            late = bool(self._flight) and time.monotonic() > self._moved + wait
            if self._trouble or late:
                self._go_back()
                wait = 2 * wait if late else wait

    def _requests(self, samples: Iterable[tuple[bytes, int]]) -> Iterator[Load | Run]:
        for data, truth in samples:
            for offset in range(0, len(data), self._step):
                yield Load(offset, data[offset : offset + self._step])
            yield Run(zlib.crc32(data), truth)

    def _fill(self, ahead: Iterator[Load | Run]) -> bool:
        """Send as much as may be under way; False where there is nothing more to come."""
        under_way = sum(len(each.frame) for each in self._flight if each.sent and not each.carried_out)
        for each in self._flight:
            if not each.sent:
                if under_way and under_way + len(each.frame) > self._limit:
                    return True
                self._send(each)
                under_way += len(each.frame)
        longest = self._step + 24  # bytes of a LOAD's frame, at most
        while not under_way or under_way + longest <= self._limit:
            runs = sum(isinstance(each.request, Run) for each in self._flight)
            if runs >= max(1, self._kept) or (runs and not self._kept):
                return True
            request = next(ahead, None)
            if request is None:
                return False
            if not self._flight:
                self._moved = time.monotonic()  # patience begins here
            seq, frame = self._exchange.number(request)
            each = _Sent(seq, request, frame)
            self._flight.append(each)
            self._send(each)
            under_way += len(each.frame)
        return True

    def _send(self, each: _Sent) -> None:
        each.sent = True
        self._exchange.send(each.frame)

    def _take(self, message: Message) -> None:
        if message.type == ERROR_TYPE:
            self._complaint(message.seq, Refusal.parse(message.body))
            return
        each = self._find(message.seq)
        if each is None or message.version != VERSION or message.type != each.request.type | REPLY_BIT:
            return
        if isinstance(each.request, Run) and each.result is None:
            try:
                each.result = Ran.parse(message.body)
            except BadReply as error:
                raise LinkError(self._exchange.name, f"a malformed reply to Run: {error}", REBUILD) from error
            now = time.monotonic()
            took, self._moved = now - self._moved, now
            self._fastest = took if self._fastest is None else min(self._fastest, took)
            for other in self._flight:
                if other is each:
                    break
                if isinstance(other.request, Run) and other.result is None:
                    self._trouble = True  # replies come in order: this one was lost
        self._carried_out(message.seq)

    def _complaint(self, seq: int, refusal: Refusal) -> None:
        if refusal.code in REPEAT:
            self._trouble = True
            return
        each = self._find(seq)
        if each is None or refusal.request != each.request.type:
            return  # of a frame that came twice, or of an earlier host
        if refusal.code not in (OLD, GAP):
            raise self._exchange.refused(refusal)
        self._carried_out(refusal.detail)
        if refusal.code == GAP:
            self._trouble = True
        elif isinstance(each.request, Run) and each.result is None:
            raise LinkError(self._exchange.name, "has forgotten a result that was lost on the line", "start again")

    def _find(self, seq: int) -> _Sent | None:
        return next((each for each in self._flight if each.seq == seq and each.sent), None)

    def _carried_out(self, last: int) -> None:
        """The device has carried out everything up to number `last`."""
        if all(each.seq != last for each in self._flight):
            return
        now = time.monotonic()
        for each in self._flight:
            if not each.carried_out:
                each.carried_out = True
                self._limit = min(self._room, self._limit + len(each.frame))
                self._moved = now
            if each.seq == last:
                return

    def _go_back(self) -> None:
        """Let the line fall silent, then send again what is not finished, fewer at once."""
        quiet = time.monotonic()
        while time.monotonic() < quiet + SETTLE:
            messages = self._exchange.receive()
            for message in messages:
                self._take(message)
            if messages:
                quiet = time.monotonic()
            if time.monotonic() > self._exchange.end(self._moved):
                raise self._exchange.silence(self._moved)
        self._trouble = False
        self._limit = max(1, self._limit // 2)
        for each in self._flight:
            if each.sent and not each.finished:
                each.sent = False
                self.repeats += 1
        self._exchange.send(b"\0")  # ends whatever the line made of the last frame
