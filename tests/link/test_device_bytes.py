# SPDX-License-Identifier: Apache-2.0
"""Raw bytes into the application: damaged frames get their error code, nothing breaks it."""

from __future__ import annotations

import random
import struct

import pytest
from cobs import cobs

from tests.link.wire import Wire
from xnorc.link.client import Client
from xnorc.link.frames import encode
from xnorc.link.protocol import Message, Refusal
from xnorc.targets.host import HostStream

HELLO = Message(1, 1, 9, struct.pack("<I", 5)).encode()


def code(message: Message) -> tuple[int, int]:
    assert message.type == 0xFF
    return message.seq, Refusal.parse(message.body).code


@pytest.fixture
def wire(stream: HostStream) -> Wire:
    return Wire(stream)


@pytest.mark.parametrize("at", range(len(encode(HELLO)) - 1))
def test_every_damaged_byte_of_a_frame_is_noticed(wire: Wire, at: int) -> None:
    frame = bytearray(encode(HELLO))
    frame[at] ^= 0x10
    wire.stream.write(bytes(frame))
    seq, found = code(wire.receive()[0])
    assert (seq, found in (1, 2)) == (0, True)
    assert wire.ask(HELLO).type == 0x81


@pytest.mark.parametrize("cut", range(1, len(encode(HELLO)) - 1))
def test_a_truncated_frame_is_noticed(wire: Wire, cut: int) -> None:
    wire.stream.write(encode(HELLO)[:cut] + b"\0")
    seq, found = code(wire.receive()[0])
    assert (seq, found in (1, 2)) == (0, True)
    assert wire.ask(HELLO).type == 0x81


def test_zeros_and_empty_frames_are_ignored(wire: Wire) -> None:
    wire.stream.write(bytes(1000))
    assert wire.silent()
    assert wire.ask(HELLO).type == 0x81


@pytest.mark.parametrize("body", [128, 129, 130, 131, 132, 133, 200, 65536, 1 << 20])
def test_a_body_above_the_limit_is_too_long_and_one_at_the_limit_is_not(wire: Wire, body: int) -> None:
    wire.send(HELLO, Message(1, 2, 10, bytes(4) + b"\xff" * (body - 4)).encode())
    _, reply = wire.receive(2)
    if body <= 128:
        assert reply.type == 0x82
    else:
        # One byte more fits beside the CRC's place until the CRC itself does not: whatever is said, it is a refusal.
        assert code(reply) == (0, 3)
        assert Refusal.parse(reply.body).detail == 128
    assert wire.ask(Message(1, 5, 11, b"\0").encode()).type == 0x85


def test_a_frame_without_end_costs_nothing(wire: Wire) -> None:
    wire.stream.write(b"\x01" * 3_000_000 + b"\0")
    assert code(wire.receive()[0]) == (0, 3)
    assert wire.ask(HELLO).type == 0x81


@pytest.mark.parametrize("length", range(8))
def test_a_payload_shorter_than_its_header_is_a_bad_frame(wire: Wire, length: int) -> None:
    wire.stream.write(bytes(cobs.encode(bytes(length))) + b"\0")
    assert code(wire.receive()[0]) == (0, 2)


def test_a_header_without_body_is_a_request_of_bad_length(wire: Wire) -> None:
    wire.ask(HELLO)
    for kind in range(1, 7):
        assert code(wire.ask(Message(1, kind, 9 + kind, b"").encode())) == (9 + kind, 6)


@pytest.mark.parametrize("seed", range(4))
def test_a_quarter_million_random_bytes_do_no_harm(stream: HostStream, seed: int) -> None:
    """Four times: a million in all."""
    stream.write(random.Random(seed).randbytes(250_000))
    client = Client(stream)
    assert client.hello().model == "fake"
    assert client.totals().samples == 0


@pytest.mark.parametrize("seed", range(2))
def test_random_bodies_in_sound_frames_do_no_harm(stream: HostStream, seed: int) -> None:
    dice = random.Random(seed)
    seqs = (n % 0x10000 for n in range(10, 10**9))
    stream.write(encode(HELLO))
    for _ in range(20):
        batch = []
        for _ in range(500):
            body = dice.randbytes(dice.choice([0, 1, 2, 4, 5, 8, 8, 8, dice.randrange(129)]))
            kind = dice.choice([1, 2, 3, 4, 4, 5, 6, dice.randrange(256)])
            batch.append(encode(Message(1, kind, next(seqs), body).encode()))
        stream.write(b"".join(batch))
    client = Client(stream)
    assert client.hello().model == "fake"
    assert client.totals().samples == 0


@pytest.mark.parametrize("seed", range(2))
def test_flipped_bits_in_a_live_session_do_no_harm(stream: HostStream, seed: int) -> None:
    dice = random.Random(seed)
    good = [HELLO, *(Message(1, 2, 10 + n, struct.pack("<I", 4 * n) + bytes(40)).encode() for n in range(20))]
    wire = bytearray(b"".join(map(encode, good * 400)))
    for _ in range(len(wire) // 20):
        wire[dice.randrange(len(wire))] ^= 1 << dice.randrange(8)
    stream.write(bytes(wire))
    assert Client(stream).hello().model == "fake"
