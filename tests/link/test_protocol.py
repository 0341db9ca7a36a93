# SPDX-License-Identifier: Apache-2.0
"""Messages: the bytes of docs/contracts.md section 4, and nothing accepted that is a byte longer or shorter."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorc.link import protocol as p

HELLO_BODY = struct.pack("<IBBBBIHHHHII", 7, 1, 1, 1, 0, 25_000_000, 128, 12, 10, 0, 64, 1024) + b"DIGEST!!"
HELLO_BODY += bytes([4, 3]) + b"mps2net"


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), st.binary(max_size=50))
def test_a_message_comes_back(version: int, kind: int, seq: int, body: bytes) -> None:
    message = p.Message(version, kind, seq, body)
    assert p.Message.decode(message.encode()) == message
    assert message.encode()[:4] == struct.pack("<BBH", version, kind, seq)


@pytest.mark.parametrize("length", range(4))
def test_less_than_a_header_is_no_message(length: int) -> None:
    assert p.Message.decode(bytes(length)) is None


def test_requests_are_the_bytes_of_the_contract() -> None:
    assert p.Hello(0x01020304).body() == bytes([4, 3, 2, 1])
    assert p.Load(0x01020304, b"ab").body() == bytes([4, 3, 2, 1]) + b"ab"
    assert p.Run(0x01020304, -1).body() == bytes([4, 3, 2, 1, 0xFF, 0xFF, 0, 0])
    assert p.Run(0, 9).body() == bytes([0, 0, 0, 0, 9, 0, 0, 0])
    assert p.ReadTensor(p.INPUT, 0x0102, 0x01020304).body() == bytes([0xFF, 0xFF, 2, 1, 4, 3, 2, 1])
    assert p.ReadTotals(True).body() == b"\1"
    assert p.ReadLayers(0x0102).body() == bytes([2, 1])
    assert [m.type for m in (p.Hello, p.Load, p.Run, p.ReadTensor, p.ReadTotals, p.ReadLayers)] == [1, 2, 3, 4, 5, 6]


def test_info_is_read_field_by_field() -> None:
    info = p.Info.parse(HELLO_BODY)
    assert info == p.Info(7, 1, 1, True, 25_000_000, 128, 12, 10, 64, 1024, b"DIGEST!!", "mps2", "net")


REPLIES = [
    (p.Info, HELLO_BODY),
    (p.Loaded, struct.pack("<IH", 124, 5)),
    (p.Totals, struct.pack("<IIIQ", 1, 2, 3, 1 << 40)),
    (p.Layers, struct.pack("<HHII", 3, 2, 10, 20)),
    (p.Refusal, struct.pack("<BBI", 7, 2, 9)),
]


@pytest.mark.parametrize(("reply", "body"), REPLIES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_reply_of_another_length_is_refused(reply: type, body: bytes) -> None:
    reply.parse(body)
    for length in [*range(len(body)), len(body) + 1]:
        with pytest.raises(p.BadReply):
            reply.parse((body + b"\0")[:length])


def test_logits_are_signed_and_whole() -> None:
    ran = p.Ran.parse(struct.pack("<HHIii", 1, 0, 99, -5, 7))
    assert (ran.label, ran.ticks, ran.logits.tolist()) == (1, 99, [-5, 7])
    with pytest.raises(p.BadReply):
        p.Ran.parse(struct.pack("<HHI3s", 1, 0, 99, b"abc"))


def test_every_error_code_has_a_text() -> None:
    assert all(p.Refusal(code, 0, 0).text == text for code, text in p.ERRORS.items())
    assert p.Refusal(77, 0, 0).text == "error 77"
