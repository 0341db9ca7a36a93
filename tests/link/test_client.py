# SPDX-License-Identifier: Apache-2.0
"""The client repeats what was lost, ignores what is stale, and says in one line what is wrong with a device."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable

import pytest

from tests.link.scripted import Answer, ScriptedStream, hello, refusal, reply
from xnorc.errors import LinkError, ToolError
from xnorc.link.client import Client
from xnorc.link.exchange import InputDiffers
from xnorc.link.frames import encode
from xnorc.link.protocol import Message

RAN = struct.pack("<HHIii", 1, 0, 50, -3, 4)
BODIES = {2: struct.pack("<IH", 0, 4), 3: RAN, 5: struct.pack("<IIIQ", 1, 1, 1, 50), 6: struct.pack("<HHI", 0, 1, 50)}


def good(message: Message) -> bytes:
    """What a sound device replies."""
    if message.type == 1:
        return reply(message, hello(message.body))
    if message.type == 2:
        return reply(message, message.body[:4] + struct.pack("<H", len(message.body) - 4))
    if message.type == 4:
        _, length, offset = struct.unpack("<HHI", message.body)
        return reply(message, message.body[4:] + bytes((offset + i) % 251 for i in range(length)))
    return reply(message, BODIES[message.type])


def client(
    answer: Callable[[Message], Answer], patience: float = 20.0, first_wait: float = 10.0
) -> tuple[Client, ScriptedStream]:
    """Waits so long before it repeats that a busy machine repeats nothing; a test of repeating says `first_wait`."""
    stream = ScriptedStream(answer)
    return Client(stream, patience=patience, first_wait=first_wait), stream


def connected(
    answer: Callable[[Message], Answer], patience: float = 20.0, first_wait: float = 10.0
) -> tuple[Client, ScriptedStream]:
    """`answer` begins after HELLO."""
    made = client(lambda m: good(m) if m.type == 1 else answer(m), patience, first_wait)
    made[0].connect(b"DIGEST!!", 1)
    made[1].asked.clear()
    return made


def raises(what: str, answer: Callable[[Message], Answer], **connect: object) -> None:
    with pytest.raises(LinkError, match=what):
        client(answer, 0.1, 0.01)[0].connect(**connect)  # type: ignore[arg-type]


def test_a_session_asks_what_the_contract_says() -> None:
    device, stream = connected(good)
    ran = device.sample(b"abcdef", 1)
    assert (ran.label, ran.ticks, ran.logits.tolist()) == (1, 50, [-3, 4])
    assert (device.layers(), device.totals().samples) == ((50,), 1)
    assert [m.type for m in stream.asked] == [2, 2, 3, 6, 5]
    assert stream.asked[0].body == bytes(4) + b"abcd"
    assert stream.asked[1].body == struct.pack("<I", 4) + b"ef"
    assert stream.asked[2].body == struct.pack("<Ihh", zlib.crc32(b"abcdef"), 1, 0)
    assert [b.seq - a.seq for a, b in zip(stream.asked, stream.asked[1:], strict=False)] in ([1] * 4, [1, 1, 1, -65534])
    device.close()
    assert stream.closed


def test_a_long_tensor_is_read_in_pieces() -> None:
    device, stream = connected(good)
    assert device.tensor(0, 2500) == bytes(i % 251 for i in range(2500))
    assert [struct.unpack("<HHI", m.body) for m in stream.asked] == [(0, 1024, 0), (0, 1024, 1024), (0, 452, 2048)]
    device.tensor(None, 6)
    assert stream.asked[-1].body[:2] == b"\xff\xff"


def test_silence_is_answered_by_the_identical_frame() -> None:
    heard: list[Message] = []

    def third_time(message: Message) -> Answer:
        heard.append(message)
        return good(message) if len(heard) >= 3 else None

    device, _ = connected(third_time, first_wait=0.01)
    assert device.totals().samples == 1
    assert heard[0] == heard[1] == heard[2]
    assert device.repeats == 2


def test_a_complaint_about_a_damaged_frame_repeats_it_at_once() -> None:
    heard: list[Message] = []

    def second_time(message: Message) -> Answer:
        heard.append(message)
        return good(message) if len(heard) == 2 else refusal(message, 1, seq=0)

    device, _ = connected(second_time)
    started = time.monotonic()
    device.totals()
    assert time.monotonic() - started < 2
    assert heard[0] == heard[1]


def test_replies_to_other_requests_are_ignored() -> None:
    def noisy(message: Message) -> Answer:
        stale = struct.pack("<IIIQ", 9, 9, 9, 9)
        others = [reply(message, stale, seq=message.seq ^ 1), reply(Message(1, 3, message.seq, b""), RAN)]
        late = [refusal(message, 7, seq=message.seq ^ 1), encode(b"\1"), b"\0\7garbage\0", b"boot ok\r\n\0"]
        return [*others, *late, encode(Message(2, 0x85, message.seq, stale).encode()), good(message)]

    said: list[str] = []
    stream = ScriptedStream(lambda m: good(m) if m.type == 1 else noisy(m))
    device = Client(stream, first_wait=5, on_text=said.append)
    device.connect()
    assert device.totals().samples == 1
    assert (device.repeats, said) == (0, ["boot ok"])


def test_no_answer_is_an_error_within_the_patience() -> None:
    started = time.monotonic()
    raises(r"no answer within 0\.[1-9] s", lambda m: None)
    assert time.monotonic() - started < 1


def test_a_device_that_says_other_things_gets_more_time_but_not_for_ever() -> None:
    started = time.monotonic()

    def busy(until: float) -> Callable[[Message], Answer]:
        return lambda m: good(m) if time.monotonic() > until else refusal(m, 2, seq=0)

    client(busy(started + 0.5), 0.3, 0.05)[0].connect()
    with pytest.raises(LinkError, match="no answer"):
        client(busy(started + 1000), 0.1, 0.05)[0].connect()


def test_another_protocol_is_an_error_however_it_is_told() -> None:
    raises("speaks link protocol 2", lambda m: refusal(m, 4, 2))
    raises("speaks link protocol 3", lambda m: reply(m, hello(m.body, protocol=3)))


def test_another_runtime_or_program_is_an_error() -> None:
    raises("runtime ABI 7", lambda m: reply(m, hello(m.body, abi=7)), abi=1)
    raises("runs model net .*, not the program given", good, digest=b"another!")


def test_an_answer_to_an_earlier_host_is_not_taken_for_ours() -> None:
    """Even with our sequence number, which is random: the session number, or the type refused, tells them apart."""

    def answer(message: Message) -> Answer:
        early = [refusal(Message(1, 2, 0, b""), 7, seq=message.seq), refusal(message, 6)]
        return [*early, reply(message, hello(b"else", digest=b"another!")), good(message)]

    device, _ = client(answer)
    assert device.connect(b"DIGEST!!").digest == b"DIGEST!!"
    assert device.repeats == 0


@pytest.mark.parametrize("body", [b"", bytes(19), bytes(21)])
def test_a_reply_of_the_wrong_length_is_an_error(body: bytes) -> None:
    device, _ = connected(lambda m: reply(m, body))
    with pytest.raises(LinkError, match="malformed reply to ReadTotals"):
        device.totals()


@pytest.mark.parametrize(
    ("body", "ask"),
    [
        (struct.pack("<IH", 4, 4), lambda c: c.load(b"abcdef")),
        (RAN + bytes(4), lambda c: c.run(0)),
        (struct.pack("<HHIii", 2, 0, 0, 1, 1), lambda c: c.run(0)),
        (bytes(4) + b"abc", lambda c: c.tensor(0, 4)),
        (struct.pack("<HH", 0, 0), lambda c: c.layers()),
    ],
)
def test_a_reply_that_answers_another_question_is_an_error(body: bytes, ask: Callable[[Client], object]) -> None:
    device, _ = connected(lambda m: reply(m, body))
    with pytest.raises(LinkError, match="does not fit its request"):
        ask(device)


def test_a_device_that_restarted_is_an_error() -> None:
    device, _ = connected(lambda m: refusal(m, 10))
    with pytest.raises(LinkError, match="restarted during the session"):
        device.totals()


def test_a_refused_request_names_code_and_detail() -> None:
    device, _ = connected(lambda m: refusal(m, 7, 360))
    with pytest.raises(LinkError, match=r"refused request 0x04: out of bounds \(detail 360\)"):
        device.tensor(0, 4)


def test_an_input_that_got_lost_is_sent_again_and_then_given_up() -> None:
    runs: list[Message] = []

    def forgetful(times: int) -> Callable[[Message], Answer]:
        def answer(message: Message) -> Answer:
            if message.type == 3:
                runs.append(message)
            return refusal(message, 8) if message.type == 3 and len(runs) <= times else good(message)

        return answer

    assert connected(forgetful(2))[0].sample(b"abcdef").label == 1
    runs.clear()
    with pytest.raises(InputDiffers, match="holds another input"):
        connected(forgetful(3))[0].sample(b"abcdef")


FAULT = b"\0fault pc=0x000001a4 lr=0x00000233 cfsr=0x00010000 hfsr=0x40000000\r\n\0"


@pytest.mark.parametrize(
    "answer",
    [[FAULT], [FAULT[:-1]], [FAULT[:-1], ToolError("qemu", "ended")], [FAULT, OSError("gone")]],
    ids=["line", "no end", "no end, then death", "line, then death"],
)
def test_a_fault_is_told_and_not_waited_for(answer: list[bytes]) -> None:
    device, _ = connected(lambda m: answer)
    started = time.monotonic()
    with pytest.raises(LinkError, match="fault pc=0x000001a4"):
        device.totals()
    assert time.monotonic() - started < 2


def test_a_pulled_cable_is_a_link_error_and_a_dead_emulator_speaks_for_itself() -> None:
    raises("the connection broke: pulled", lambda m: OSError("pulled"))
    with pytest.raises(ToolError, match="qemu: died"):
        client(lambda m: ToolError("qemu", "died"))[0].connect()


def test_nothing_is_asked_before_hello() -> None:
    device, stream = client(good)
    for ask in (lambda: device.load(b"abcdef"), lambda: device.run(0), device.layers):
        with pytest.raises(LinkError, match="no session was started"):
            ask()
    assert stream.asked == []


def test_an_input_of_another_size_is_not_sent() -> None:
    device, stream = connected(good)
    with pytest.raises(LinkError, match="an input of 5 bytes"):
        device.load(b"abcde")
    assert stream.asked == []
