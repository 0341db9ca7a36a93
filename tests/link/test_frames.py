# SPDX-License-Identifier: Apache-2.0
"""Frames: any payload survives, any cut of the stream gives the same frames, any damage is noticed and left behind."""

from __future__ import annotations

import zlib

from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorc.link.frames import Decoder, decode, encode

payloads = st.binary(max_size=600) | st.lists(st.sampled_from([b"\0", b"\xff", bytes(254), b"a" * 254])).map(b"".join)


@given(payloads)
def test_a_payload_comes_back(payload: bytes) -> None:
    frame = encode(payload)
    assert frame.count(0) == 1
    assert frame.endswith(b"\0")
    assert list(Decoder().feed(frame)) == [payload]


@given(st.lists(payloads, max_size=5), st.data())
def test_it_does_not_matter_how_the_stream_is_cut(sent: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    decoder = Decoder()
    received: list[bytes] = []
    for first, last in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        received += decoder.feed(wire[first:last])
    assert received == sent
    assert decoder.damaged == 0


@settings(max_examples=300)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_one_changed_byte_never_passes_for_a_frame(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode(payload))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    after = encode(b"next")
    received = list(Decoder().feed(bytes(frame) + b"\0" + after))
    assert received == [b"next"]


@given(payloads, st.data())
def test_after_lost_bytes_the_next_frame_is_whole(payload: bytes, data: st.DataObject) -> None:
    frame = encode(payload)
    first, last = sorted(data.draw(st.tuples(st.integers(0, len(frame)), st.integers(0, len(frame)))))
    received = list(Decoder().feed(frame[:first] + frame[last:] + b"\0" + encode(b"next")))
    assert received[-1] == b"next"
    assert received in ([b"next"], [payload, b"next"])


@given(st.binary(max_size=4000))
def test_noise_gives_no_frame_and_no_error(noise: bytes) -> None:
    decoder = Decoder(limit=64)
    received = [frame for frame in decoder.feed(noise) if decode(encode(frame)[:-1]) != frame]
    assert received == []
    assert list(decoder.feed(b"\0" + encode(b"next")))[-1] == b"next"


@given(st.integers(0, 300))
def test_a_payload_above_the_limit_is_dropped_without_being_held(excess: int) -> None:
    decoder = Decoder(limit=64)
    assert list(decoder.feed(encode(b"a" * 64))) == [b"a" * 64]
    frame = encode(b"a" * (66 + excess))
    for byte in frame:
        assert list(decoder.feed(bytes([byte]))) == []
        assert len(decoder._held) <= 64 + 4 + 2
    assert decoder.damaged == 1
    assert list(decoder.feed(encode(b"next"))) == [b"next"]


def test_a_duplicate_comes_twice_and_empty_frames_never() -> None:
    frame = encode(b"x")
    assert list(Decoder().feed(b"\0\0" + frame + b"\0" + frame)) == [b"x", b"x"]


def test_too_short_for_a_checksum_is_damage() -> None:
    decoder = Decoder()
    assert list(decoder.feed(bytes(cobs.encode(b"\1\2")) + b"\0")) == []
    assert decoder.damaged == 1


def test_text_between_frames_reaches_the_user() -> None:
    said: list[str] = []
    decoder = Decoder(said.append)
    line = b"fault pc=0x000001a4 lr=0x00000233 cfsr=0x00010000\r\n"
    assert list(decoder.feed(encode(b"a") + b"\0" + line + b"\0" + encode(b"b"))) == [b"a", b"b"]
    assert said == [line.decode().strip()]
    assert decoder.damaged == 0


def test_text_that_nothing_ends_is_handed_on_when_the_device_goes_quiet() -> None:
    said: list[str] = []
    decoder = Decoder(said.append)
    list(decoder.feed(b"\0boot: half a li"))
    decoder.flush_text()
    assert said == []
    list(decoder.feed(b"ne\n"))
    decoder.flush_text()
    assert said == ["boot: half a line"]


def test_the_checksum_is_zlibs() -> None:
    raw = cobs.decode(encode(b"123456789")[:-1])
    assert raw[-4:] == zlib.crc32(b"123456789").to_bytes(4, "little") == (0xCBF43926).to_bytes(4, "little")
