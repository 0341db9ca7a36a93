# SPDX-License-Identifier: Apache-2.0
"""The application that MLPerf Tiny's runner drives, byte for byte, and against what no runner sends."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.mlperf.runner import answer, ask, build_fake, build_fake_firmware, load
from xnorc.boards import load as load_board
from xnorc.targets.host import HostStream
from xnorc.targets.pipe import ProcessStream
from xnorc.targets.qemu import Qemu

START = rb"m-timestamp-mode-performance\r\nm-lap-us-\d+\r\nm-init-done\r\nm-ready\r\n"
INFERRED = (
    rb"m-warmup-start-2\r\nm-warmup-done\r\nm-infer-start-3\r\nm-lap-us-(\d+)\r\nm-lap-us-(\d+)\r\nm-infer-done\r\n"
    rb"m-results-\[([0-9.,]+)\]\r\n"
)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> Path:
    need("gcc")
    return build_fake(tmp_path_factory.mktemp("mlperf") / "fake")


@pytest.fixture
def stream(device: Path) -> Iterator[ProcessStream]:
    with HostStream(device, timeout=5) as opened:
        assert re.fullmatch(START, answer(opened))
        yield opened


def wanted(images: np.ndarray) -> np.ndarray:
    """Scores that the logits of the integer program stand for."""
    logits = fake.program().run(images).astype(np.float64)
    above = logits - logits.min(1, keepdims=True) + 1
    return np.asarray(above / above.sum(1, keepdims=True))


def scores(text: bytes) -> np.ndarray:
    found = re.search(rb"m-results-\[([0-9.,]+)\]\r\n", text)
    assert found is not None, text
    return np.array([float(field) for field in found[1].split(b",")])


def test_the_runners_exchanges(stream: ProcessStream) -> None:
    assert ask(stream, "name") == b"m-name-dut-[xnorc host]\r\n"
    assert ask(stream, "profile") == b"m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[ic01]\r\n"
    assert re.fullmatch(rb"m-lap-us-\d+\r\n", ask(stream, "timestamp"))
    assert ask(stream, "results") == b"e-[Nothing was inferred]\r\n"
    for image in fake.images(3):
        assert load(stream, image.tobytes()) == b"m-load-done\r\n"
        said = ask(stream, "infer 3 2")
        found = re.fullmatch(INFERRED, said)
        assert found is not None
        assert int(found[1]) <= int(found[2])
        assert np.allclose(scores(said), wanted(image[None])[0], rtol=0, atol=2e-12)
        assert said.endswith(ask(stream, "results"))


def test_a_greater_logit_has_a_greater_score(stream: ProcessStream) -> None:
    image = fake.images(1)
    load(stream, image.tobytes())
    (logits,) = fake.program().run(image)
    found = scores(ask(stream, "infer 1 0"))
    assert (np.argsort(found, kind="stable") == np.argsort(logits, kind="stable")).all()
    assert len(set(found)) == len(set(logits.ravel()))


def test_a_part_of_the_buffer_is_printed(stream: ProcessStream) -> None:
    image = bytes(range(256)) + bytes(104)
    load(stream, image)
    assert ask(stream, "db print 10 3") == b"m-buffer-03-04-05-06-07-08-09-0a\r\nm-buffer-0b-0c\r\n"
    assert (
        ask(stream, "db print")
        == b"m-buffer-" + image[:8].hex("-").encode() + b"\r\nm-buffer-" + image[8:16].hex("-").encode() + b"\r\n"
    )
    assert ask(stream, "db print 99 358") == b"m-buffer-00-00\r\n"
    assert ask(stream, "db print 1 361") == b"e-[The buffer has 360 bytes]\r\n"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"hello", b"e-[Unknown command: hello]\r\n"),
        (b"", b"e-[Unknown command: ]\r\n"),
        (b"\x1b[2J\xff", b"e-[Unknown command: .[2J.]\r\n"),
        (b"name" * 21, b"e-[The command is longer than 80 characters]\r\n"),
        (b"x" * 100_000, b"e-[The command is longer than 80 characters]\r\n"),
        (b"db", b"e-[Command 'db' requires a subcommand]\r\n"),
        (b"db load", b"e-[Command 'db load' requires the number of bytes]\r\n"),
        (b"db load -5", b"e-[Command 'db load' requires the number of bytes]\r\n"),
        (b"db load 0", b"e-[Command 'db load' requires the number of bytes]\r\n"),
        (b"db load 4294967656", b"e-[Command 'db load' requires the number of bytes]\r\n"),  # 360 modulo 2^32
        (b"db load 359", b"e-[This model takes 360 bytes]\r\n"),
        (b"db load 3072", b"e-[This model takes 360 bytes]\r\n"),
        (b"db 00", b"e-[No bytes are expected: 'db load' first]\r\n"),
        (b"db 0", b"e-[Insufficent number of hex digits]\r\n"),
        (b"db 0g", b"e-[Invalid hex digit 'g']\r\n"),
        (b"infer", b"e-[No whole input was loaded]\r\n"),
        (b"infer 0", b"e-[Inference iterations must be 1 to 1000000]\r\n"),
        (b"infer 1000001", b"e-[Inference iterations must be 1 to 1000000]\r\n"),
        (b"infer 1 -1", b"e-[Inference warmup must be 0 to 1000000]\r\n"),
    ],
)
def test_what_no_runner_sends_is_refused_and_nothing_breaks(
    stream: ProcessStream, command: bytes, reply: bytes
) -> None:
    assert ask(stream, command) == reply
    assert ask(stream, "\r\nname\n") == b"m-name-dut-[xnorc host]\r\n"


def test_80_characters_are_a_command(stream: ProcessStream) -> None:
    assert ask(stream, "x" * 80) == b"e-[Unknown command: " + b"x" * 80 + b"]\r\n"


def test_a_refused_command_stores_nothing(stream: ProcessStream) -> None:
    image = fake.images(1).tobytes()
    assert ask(stream, "db load 360") == b"m-[Expecting 360 bytes]\r\n"
    assert ask(stream, f"db {image[:30].hex()}") == b""
    assert ask(stream, "db ffffffg0") == b"e-[Invalid hex digit 'g']\r\n"
    assert ask(stream, "db fff") == b"e-[Insufficent number of hex digits]\r\n"
    assert ask(stream, "infer 1 0") == b"e-[No whole input was loaded]\r\n"
    for at in range(30, 360, 30):
        more = "" if at < 330 else "abcdef"  # more than announced
        assert ask(stream, f"db {image[at : at + 30].hex().upper()}{more}") == (b"m-load-done\r\n" if more else b"")
    assert ask(stream, "db 00") == b"e-[No bytes are expected: 'db load' first]\r\n"
    assert b"m-infer-done" in ask(stream, "infer 1 0")


def test_it_is_silent_until_asked(stream: ProcessStream) -> None:
    stream.timeout = 0.1
    stream.write(b"name")
    assert stream.read(1) == b""


def test_noise_is_answered_and_survived(stream: ProcessStream) -> None:
    noise = random.Random(3).randbytes(50_000).replace(b"%", b"")
    alphabet = b"db load infer print 0123456789abcdef%%%"
    stream.write(noise + b"%")
    answer(stream)
    text = bytes(random.Random(4).choices(alphabet, k=20_000))
    for command in text.split(b"%"):
        ask(stream, command)
    assert ask(stream, "name") == b"m-name-dut-[xnorc host]\r\n"


def test_signed_values_are_taken_plus_128(tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    image = fake.images(1)
    with HostStream(build_fake(tmp_path / "fake", MLPERF_FLIP=0x80), timeout=5) as stream:
        answer(stream)
        signed = (image.astype(np.int16) - 128).astype(np.int8).tobytes()
        load(stream, signed)
        assert ask(stream, "db print 8") == b"m-buffer-" + signed[:8].hex("-").encode() + b"\r\n"
        assert np.allclose(scores(ask(stream, "infer 1 0")), wanted(image)[0], rtol=0, atol=2e-12)


@pytest.mark.emulator
def test_the_same_on_an_m4(tmp_path: Path, need: Callable[..., None]) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board = load_board("mps2_an386")
    with Qemu(board).open(build_fake_firmware(board, tmp_path).elf, timeout=20) as stream:
        assert re.fullmatch(START, answer(stream))
        assert ask(stream, "name") == b"m-name-dut-[xnorc mps2_an386]\r\n"
        image = fake.images(1)
        assert load(stream, image.tobytes()) == b"m-load-done\r\n"
        said = ask(stream, "infer 3 2")
        found = re.fullmatch(INFERRED, said)
        assert found is not None
        assert int(found[1]) < int(found[2])
        assert np.allclose(scores(said), wanted(image)[0], rtol=0, atol=2e-12)
        assert ask(stream, "x" * 5000) == b"e-[The command is longer than 80 characters]\r\n"
