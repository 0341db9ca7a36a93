# SPDX-License-Identifier: Apache-2.0
"""The application in C answers every sequence of payloads, sane or not, byte for byte as the oracle in Python does."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.link import fake
from tests.link.oracle import HEAD, MAX_BODY, Oracle, without_ticks
from tests.link.wire import Wire
from xnorc.link.protocol import Message
from xnorc.targets.host import HostStream

numbers = st.integers(0, 2**32 - 1)
near = st.integers(0, 1100) | st.sampled_from([2**32 - 1, 2**32 - 4, 2**31, 2**16]) | numbers
IMAGES = [fake.images(1, seed)[0].tobytes() for seed in range(3)] + [bytes(360)]
STEPS = [(1, struct.pack("<I", 1))]

bodies = {
    1: st.sampled_from([1, 2]).map(lambda s: struct.pack("<I", s)),
    2: st.tuples(near, st.binary(max_size=MAX_BODY - 4)).map(lambda t: struct.pack("<I", t[0]) + t[1]),
    3: st.tuples(st.sampled_from([zlib.crc32(i) for i in IMAGES]) | numbers, st.integers(-3, 8)).map(
        lambda t: struct.pack("<Ihh", *t, 0)
    ),
    4: st.tuples(st.sampled_from([0, 1, 2, 3, 0xFFFF, 0xFFFE]), st.integers(0, 0xFFFF) | st.integers(0, 730), near).map(
        lambda t: struct.pack("<HHI", *t)
    ),
    5: st.sampled_from([b"\0", b"\1", b"\2"]),
    6: st.integers(0, 5).map(lambda first: struct.pack("<H", first)),
}
sane = st.integers(1, 6).flatmap(lambda kind: st.tuples(st.just(kind), bodies[kind]))
wild = st.tuples(st.integers(0, 255), st.binary(max_size=MAX_BODY))
whole = st.sampled_from(IMAGES).map(lambda i: ("image", i))
requests = st.lists(st.one_of(sane, sane, whole, whole, wild), max_size=12)
orders = st.lists(
    st.sampled_from(["new", "new", "new", "again", "old", "same seq", "version", "far"]), min_size=40, max_size=40
)


def payloads(steps: list[tuple[object, bytes]], order: list[str], seq: int) -> list[bytes]:
    """The requests with sequence numbers, some of them repeated, stale or of another version."""
    sent: list[bytes] = []
    flat: list[tuple[int, bytes]] = []
    for kind, body in steps:
        if isinstance(kind, int):
            flat.append((kind, body))
        else:  # a whole image: loads, then a run
            flat += [(2, struct.pack("<I", at) + body[at : at + 124]) for at in range(0, len(body), 124)]
            flat.append((3, struct.pack("<Ihh", zlib.crc32(body), 2, 0)))
    for place, (kind, body) in enumerate(flat):
        how = order[place % len(order)]
        seq = seq if how == "same seq" else (seq + (30000 if how == "far" else 1)) % 65536
        sent.append(HEAD.pack(2 if how == "version" else 1, kind, seq) + body)
        if how == "again":
            sent.append(sent[-1])
        elif how == "old":
            sent.append(sent[place // 2])
    return sent


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hello=st.booleans(), steps=requests, order=orders, seq=st.integers(0, 65535))
def test_every_reply_is_the_oracles(
    device: Path, hello: bool, steps: list[tuple[object, bytes]], order: list[str], seq: int
) -> None:
    oracle = Oracle()
    with HostStream(device) as stream:
        wire = Wire(stream)
        sent = payloads([*(STEPS if hello else []), *steps], order, seq)
        wire.send(*sent)
        replies = wire.receive(len(sent))
        expected = [oracle.answer(payload) for payload in sent]
        assert [without_ticks(Message.encode(reply)) for reply in replies] == expected
        assert wire.silent(0.0)
