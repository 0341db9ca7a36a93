# SPDX-License-Identifier: Apache-2.0
"""Each request at its edges: what the device gives back, and what it refuses with which code and detail."""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from tests.link import fake
from tests.link.wire import Wire
from xnorc.link.protocol import Message, Refusal
from xnorc.targets.host import HostStream

TOP = 2**32 - 1


class Numbered(Wire):
    """A wire in a session, numbering its requests."""

    seq = 1

    def request(self, kind: int, body: bytes) -> Message:
        self.seq += 1
        reply = self.ask(Message(1, kind, self.seq, body).encode())
        assert reply.seq == self.seq
        return reply

    def refusal(self, kind: int, body: bytes) -> tuple[int, int]:
        reply = self.request(kind, body)
        assert reply.type == 0xFF
        refused = Refusal.parse(reply.body)
        assert refused.request == kind
        return refused.code, refused.detail


@pytest.fixture
def wire(stream: HostStream) -> Numbered:
    wire = Numbered(stream)
    wire.request(1, b"abcd")
    return wire


def run_image(wire: Numbered, image: bytes) -> Message:
    for at in range(0, len(image), 124):
        wire.request(2, struct.pack("<I", at) + image[at : at + 124])
    return wire.request(3, struct.pack("<Ihh", zlib.crc32(image), -1, 0))


def test_before_hello_nothing_else_is_taken(stream: HostStream) -> None:
    wire = Numbered(stream)
    for kind, size in [(2, 5), (3, 8), (4, 8), (5, 1), (6, 2), (77, 0), (1, 5)]:
        assert wire.refusal(kind, bytes(size)) == (10, 0)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_told_which_one_is_spoken(wire: Numbered, version: int) -> None:
    reply = wire.ask(Message(version, 1, 500, b"abcd").encode())
    assert (reply.version, reply.type, reply.seq) == (1, 0xFF, 500)
    assert Refusal.parse(reply.body) == Refusal(4, 1, 1)


@pytest.mark.parametrize("kind", [0, 0x10, 0x81, 0xFF])
def test_an_unknown_type_is_refused(wire: Numbered, kind: int) -> None:
    assert wire.refusal(kind, b"abcd") == (5, 0)


@pytest.mark.parametrize(("kind", "size"), [(1, 4), (3, 8), (4, 8), (5, 1), (6, 2), (7, 4)])
def test_one_byte_more_or_less_is_a_bad_length(wire: Numbered, kind: int, size: int) -> None:
    assert wire.refusal(kind, bytes(size - 1)) == (6, 0)
    assert wire.refusal(kind, bytes(size + 1)) == (6, 0)


def test_a_reboot_needs_its_magic_and_a_bootloader(wire: Numbered) -> None:
    assert wire.refusal(7, b"boot") == (7, 0)
    assert wire.refusal(7, b"BOOT") == (12, 0)  # the host has none
    assert wire.request(5, b"\0").type == 0x85  # and goes on


def test_load_needs_a_byte(wire: Numbered) -> None:
    for size in range(5):
        assert wire.refusal(2, bytes(size)) == (6, 0)


@pytest.mark.parametrize(
    ("offset", "size", "fits"),
    [(359, 1, True), (236, 124, True), (237, 124, False), (359, 2, False), (360, 1, False), (361, 1, False)]
    + [(at, size, False) for at in (TOP, TOP - 3, TOP - 123, 2**31, 2**16) for size in (1, 4, 124)],
)
def test_load_stays_inside_the_input(wire: Numbered, offset: int, size: int, fits: bool) -> None:
    body = struct.pack("<I", offset) + bytes(size)
    if fits:
        assert wire.request(2, body).body == struct.pack("<IH", offset, size)
    else:
        assert wire.refusal(2, body) == (7, 360)


def test_run_refuses_an_input_that_is_not_the_one_sent(wire: Numbered) -> None:
    crc = zlib.crc32(bytes(360))
    assert wire.refusal(3, struct.pack("<Ihh", crc ^ 1, 0, 0)) == (8, crc)
    assert wire.request(3, struct.pack("<Ihh", crc, 0, 0)).type == 0x83


@pytest.mark.parametrize(("truth", "fits"), [(-2, False), (-1, True), (6, True), (7, False), (-(2**15), False)])
def test_run_refuses_a_truth_that_is_no_class(wire: Numbered, truth: int, fits: bool) -> None:
    body = struct.pack("<Ihh", zlib.crc32(bytes(360)), truth, 0)
    if fits:
        assert wire.request(3, body).type == 0x83
    else:
        assert wire.refusal(3, body) == (7, 7)


SIZES = {0xFFFF: 360, 0: 720, 1: 28, 2: 28}


@pytest.mark.parametrize("node", SIZES)
def test_tensor_reads_to_its_last_byte_and_not_beyond(wire: Numbered, node: int) -> None:
    image = fake.images(1)[0]
    run_image(wire, image.tobytes())
    program, size = fake.program(), SIZES[node]
    tensor = program.input if node == 0xFFFF else program.nodes[node].output
    expected = tensor.pack(program.trace(image[None])[tensor.name][0])
    for offset, length in [(0, size), (0, 0), (size, 0), (size - 1, 1), (3, size - 3)]:
        reply = wire.request(4, struct.pack("<HHI", node, length, offset))
        assert reply.body == struct.pack("<I", offset) + expected[offset : offset + length]
    beyond = [
        (0, size + 1),
        (size, 1),
        (size + 1, 0),
        (1, size),
        (TOP, 1),
        (TOP, 2),
        (TOP - size + 1, size),
        (2**31, 0),
    ]
    for offset, length in [*beyond, (0, 0xFFFF)]:
        assert wire.refusal(4, struct.pack("<HHI", node, length, offset)) == (7, size)


@pytest.mark.parametrize("node", [3, 4, 0x7FFF, 0xFFFE])
def test_a_node_that_does_not_exist_has_no_tensor(wire: Numbered, node: int) -> None:
    run_image(wire, bytes(360))
    assert wire.refusal(4, struct.pack("<HHI", node, 1, 0)) == (7, 3)


def test_tensors_are_there_only_after_a_run_of_the_input_held(wire: Numbered) -> None:
    read = struct.pack("<HHI", 1, 28, 0)
    assert wire.refusal(4, read)[0] == 9
    run_image(wire, bytes(360))
    assert wire.request(4, read).type == 0x84
    wire.request(2, bytes(4) + b"\1")
    assert wire.refusal(4, read)[0] == 9
    assert wire.request(4, struct.pack("<HHI", 0xFFFF, 1, 0)).body[4:] == b"\1"


def test_reading_tensors_changes_neither_totals_nor_layer_ticks(wire: Numbered) -> None:
    run_image(wire, bytes(360))
    before = wire.request(6, b"\0\0").body, wire.request(5, b"\0").body
    for node in (0, 2, 1, 0):
        wire.request(4, struct.pack("<HHI", node, 4, 0))
    assert (wire.request(6, b"\0\0").body, wire.request(5, b"\0").body) == before


def test_layers_start_where_asked_and_add_up_to_the_run(wire: Numbered) -> None:
    assert wire.refusal(6, b"\0\0") == (9, 3)
    started = time.monotonic_ns()
    ran = run_image(wire, bytes(360))
    took = time.monotonic_ns() - started
    first, count, *ticks = struct.unpack("<HHIII", wire.request(6, b"\0\0").body)
    assert (first, count, sum(ticks)) == (0, 3, struct.unpack_from("<HHI", ran.body)[2])
    assert 0 < sum(ticks) < took  # the host's clock ticks in nanoseconds
    assert struct.unpack("<HHI", wire.request(6, b"\2\0").body) == (2, 1, ticks[2])
    assert struct.unpack("<HH", wire.request(6, b"\3\0").body) == (3, 0)
    assert wire.refusal(6, b"\4\0") == (7, 3)


def test_totals_take_only_0_and_1(wire: Numbered) -> None:
    assert wire.refusal(5, b"\2") == (7, 1)
