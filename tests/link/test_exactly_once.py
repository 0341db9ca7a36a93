# SPDX-License-Identifier: Apache-2.0
"""Whatever the line does, no sample is lost, counted twice, or given another sample's result."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.link.wire import LossyStream, Wire
from xnorc.link.client import Client
from xnorc.link.protocol import Message
from xnorc.link.session import Verify, stream_samples
from xnorc.targets.host import HostStream


@pytest.mark.parametrize(("rate", "count"), [(0.0, 200), (0.01, 150), (0.05, 60), (0.12, 25)])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_line_changes_no_result_and_no_total(device: Path, rate: float, count: int, seed: int) -> None:
    program, x = fake.program(), fake.images(count, seed)
    y = np.random.default_rng(seed).integers(-1, fake.CLASSES, count)
    line = LossyStream(HostStream(device), rate, seed)
    client = Client(line, patience=60, first_wait=0.01)
    client.connect(digest=fake.DIGEST)
    run = stream_samples(client, x, y, program, Verify.LOGITS)
    client.close()
    assert np.array_equal(run.logits, program.run(x))
    assert np.array_equal(run.labels, program.predict(x))
    assert (line.mishaps > 0) == (rate > 0)
    assert run.repeats > 0 or rate <= 0.01


def test_tensors_read_over_a_bad_line_are_the_programs(device: Path) -> None:
    program, x = fake.program(), fake.images(5)
    client = Client(LossyStream(HostStream(device), 0.05, 3), first_wait=0.01)
    client.connect()
    stream_samples(client, x, None, program, Verify.TENSORS)
    client.close()


@pytest.fixture
def wire(stream: HostStream) -> Wire:
    return Wire(stream)


def request(kind: int, seq: int, body: bytes) -> bytes:
    return Message(1, kind, seq, body).encode()


def totals(wire: Wire, seq: int) -> int:
    return struct.unpack_from("<I", wire.ask(request(5, seq, b"\0")).body)[0]


RUN = struct.pack("<Ihh", zlib.crc32(bytes(360)), 0, 0)


def test_a_repeated_run_gets_the_same_reply_and_counts_once(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    replies = [wire.ask(request(3, 2, RUN)) for _ in range(5)]
    assert all(reply == replies[0] for reply in replies)  # ticks of the host's clock included: it did not run again
    assert totals(wire, 3) == 1


def test_a_run_that_comes_again_after_its_successor_does_nothing(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    wire.ask(request(3, 2, RUN))
    assert totals(wire, 3) == 1
    assert wire.ask(request(3, 2, RUN)).body[0] == 11
    assert totals(wire, 4) == 1


def test_totals_that_reset_answer_a_repetition_with_what_they_were(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    wire.ask(request(3, 2, RUN))
    first, again = wire.ask(request(5, 3, b"\1")), wire.ask(request(5, 3, b"\1"))
    assert first == again
    assert struct.unpack_from("<I", first.body) == (1,)
    assert totals(wire, 4) == 0


def test_hello_of_the_same_session_keeps_the_totals_and_of_another_does_not(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    wire.ask(request(3, 2, RUN))
    wire.ask(request(1, 3, b"abcd"))
    assert totals(wire, 4) == 1
    wire.ask(request(1, 5, b"efgh"))
    assert totals(wire, 6) == 0


def test_a_late_hello_of_the_same_session_turns_nothing_back(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    wire.ask(request(3, 2, RUN))
    assert wire.ask(request(1, 1, b"abcd")).body[0] == 11
    assert wire.ask(request(3, 2, RUN)).type == 0x83
    assert totals(wire, 3) == 1


def test_sequence_numbers_wrap(wire: Wire) -> None:
    wire.ask(request(1, 65534, b"abcd"))
    for seq in (65535, 1, 2):
        assert wire.ask(request(3, seq, RUN)).type == 0x83
    assert totals(wire, 3) == 3
    assert wire.ask(request(3, 65535, RUN)).body[0] == 11


@pytest.mark.parametrize(("ahead", "newer"), [(1, True), (32767, True), (32768, False), (65535, False)])
def test_half_of_all_numbers_are_newer(wire: Wire, ahead: int, newer: bool) -> None:
    wire.ask(request(1, 40000, b"abcd"))
    reply = wire.ask(request(3, (40000 + ahead) % 65536, RUN))
    assert (reply.type == 0x83) == newer
    assert newer or reply.body == struct.pack("<BBI", 11, 3, 40000)


def test_a_new_session_knows_no_run_of_the_one_before(wire: Wire) -> None:
    wire.ask(request(1, 1, b"abcd"))
    assert wire.ask(request(3, 2, RUN)).type == 0x83
    wire.ask(request(1, 3, b"efgh"))
    assert wire.ask(request(6, 4, b"\0\0")).body[0] == 9
    assert wire.ask(request(4, 5, struct.pack("<HHI", 2, 4, 0))).body[0] == 9


def test_a_client_goes_on_past_the_last_sequence_number(stream: HostStream) -> None:
    client = Client(stream)
    client._exchange._seq = 65530
    client.connect()
    image = fake.images(1)[0].tobytes()
    for _ in range(10):
        client.sample(image)
    assert client.totals().samples == 10


def test_a_second_host_starts_its_own_count(device: Path) -> None:
    with HostStream(device) as stream:
        image = fake.images(1)[0].tobytes()
        for _ in range(3):
            client = Client(stream)
            client.connect()
            client.sample(image)
            client.sample(image)
            assert client.totals().samples == 2
