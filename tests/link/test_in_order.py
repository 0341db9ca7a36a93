# SPDX-License-Identifier: Apache-2.0
"""A session that goes in order: gaps are refused, lost results come again, and nothing is counted twice."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.link.scripted import ScriptedStream, hello, reply
from tests.link.wire import LossyStream, Wire
from xnorc.errors import LinkError
from xnorc.link.client import Client
from xnorc.link.protocol import Message
from xnorc.targets.host import HostStream

RUN = struct.pack("<Ihh", zlib.crc32(bytes(360)), 0, 0)
KEPT = 4  # what 208 bytes hold of 7 logits


def request(kind: int, seq: int, body: bytes) -> bytes:
    return Message(1, kind, seq, body).encode()


@pytest.fixture
def wire(stream: HostStream) -> Wire:
    made = Wire(stream)
    made.ask(request(1, 1, b"abcd"))
    assert made.ask(request(10, 2, b"\1")).body == b"\1"
    return made


def test_a_request_after_a_gap_is_refused_with_the_last_number_taken(wire: Wire) -> None:
    assert wire.ask(request(3, 4, RUN)).body == struct.pack("<BBI", 13, 3, 2)
    assert wire.ask(request(3, 3, RUN)).type == 0x83
    assert wire.ask(request(3, 4, RUN)).type == 0x83
    assert struct.unpack_from("<I", wire.ask(request(5, 5, b"\0")).body) == (2,)


def test_the_number_after_the_last_is_one(stream: HostStream) -> None:
    wire = Wire(stream)
    wire.ask(request(1, 0xFFFE, b"abcd"))
    wire.ask(request(10, 0xFFFF, b"\1"))
    assert wire.ask(request(3, 1, RUN)).type == 0x83


def test_results_of_the_last_runs_come_again_and_older_ones_do_not(wire: Wire) -> None:
    replies = [wire.ask(request(3, seq, RUN)) for seq in range(3, 3 + KEPT + 1)]
    wire.ask(request(2, 8, bytes(4) + b"\xff" * 100))  # another input, whose logits are others
    for seq, first in list(zip(range(3, 8), replies, strict=True))[1:]:
        assert wire.ask(request(3, seq, RUN)) == first
    assert wire.ask(request(3, 3, RUN)).body == struct.pack("<BBI", 11, 3, 8)
    assert struct.unpack_from("<I", wire.ask(request(5, 9, b"\0")).body) == (KEPT + 1,)


def test_a_kept_result_is_not_given_to_another_frame_of_its_number(wire: Wire) -> None:
    wire.ask(request(3, 3, RUN))
    wire.ask(request(5, 4, b"\0"))
    assert wire.ask(request(3, 3, RUN[:-1] + b"\1")).body[0] == 11


def test_a_new_session_goes_in_no_order_and_keeps_nothing(wire: Wire) -> None:
    wire.ask(request(3, 3, RUN))
    wire.ask(request(1, 100, b"efgh"))
    assert wire.ask(request(3, 3, RUN)).body[0] == 11
    assert wire.ask(request(3, 200, RUN)).type == 0x83


@pytest.mark.parametrize(("body", "code"), [(b"", 6), (b"\0\0", 6), (b"\2", 7)])
def test_order_is_on_or_off(wire: Wire, body: bytes, code: int) -> None:
    assert wire.ask(request(10, 3, body)).body[0] == code


@pytest.mark.parametrize("room", [140, 300, 4096])
@pytest.mark.parametrize(("rate", "count"), [(0.0, 100), (0.03, 30)])
def test_pipelined_samples_are_the_programs_and_count_once(device: Path, room: int, rate: float, count: int) -> None:
    program, x = fake.program(), fake.images(count)
    line = LossyStream(HostStream(device), rate, 5)
    client = Client(line, patience=60, first_wait=0.01, room=room)
    client.connect()
    results = list(client.samples((image.tobytes(), -1) for image in x))
    assert np.array_equal([ran.logits for ran in results], program.run(x))
    totals = client.totals()
    assert (totals.samples, totals.ticks) == (count, sum(ran.ticks for ran in results))
    client.close()


def test_firmware_that_states_no_room_is_asked_one_thing_at_a_time() -> None:
    asked: list[int] = []

    def answer(message: Message) -> bytes:
        asked.append(message.type)
        bodies = {1: hello(message.body), 3: struct.pack("<HHIii", 1, 0, 50, -3, 4)}
        return reply(message, bodies.get(message.type, message.body[:4] + struct.pack("<H", len(message.body) - 4)))

    client = Client(ScriptedStream(answer))
    client.connect()
    assert [ran.label for ran in client.samples([(b"abcdef", 1)] * 2)] == [1, 1]
    assert asked == [1, 2, 2, 3, 2, 2, 3]


def test_a_silent_device_is_given_up() -> None:
    def answer(message: Message) -> bytes | None:
        known = {1: hello(message.body), 10: message.body}
        return reply(message, known[message.type]) if message.type in known else None

    client = Client(ScriptedStream(answer), patience=0.2, first_wait=0.01, room=200)
    client.connect()
    with pytest.raises(LinkError, match="no answer within"):
        list(client.samples([(b"abcdef", 1)]))
