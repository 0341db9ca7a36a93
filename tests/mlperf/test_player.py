# SPDX-License-Identifier: Apache-2.0
"""The small player against the application, and against devices that say something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.mlperf.runner import build_fake
from xnorc.errors import DataError, LinkError, ProgramError
from xnorc.mlperf.measuring import Performance, accuracy, performance, sent
from xnorc.mlperf.player import Player
from xnorc.mlperf.task import Task, task
from xnorc.mlperf.truth import write_truth
from xnorc.targets.host import HostStream
from xnorc.targets.pipe import ProcessStream

FAKE = Task("ic01", "the link tests' model", 360, 7)


@pytest.fixture
def stream(device: Path) -> Iterator[ProcessStream]:
    with HostStream(device) as opened:
        yield opened


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> Path:
    need("gcc")
    return build_fake(tmp_path_factory.mktemp("mlperf") / "fake")


class Saying:
    """A device that has said all it will ever say."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.timeout: float | None = 0.0

    @property
    def in_waiting(self) -> int:
        return len(self.said)

    def read(self, size: int = 1, /) -> bytes:
        taken, self.said = self.said[:size], self.said[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        return len(data)

    def close(self) -> None: ...


def test_labels_are_those_of_the_program(stream: ProcessStream) -> None:
    player = Player(stream, FAKE)
    assert player.connect() == "xnorc host"
    x = fake.images(20)
    truth = fake.program().predict(x)
    found = accuracy(player, x, truth.tolist())
    assert found.labels == tuple(truth)
    assert found.share == 1.0
    truth[3] = (truth[3] + 1) % 7
    assert accuracy(player, x, truth.tolist()).correct == 19


def test_laps_are_counted_and_ten_seconds_are_wanted(stream: ProcessStream) -> None:
    player = Player(stream, FAKE)
    player.connect()
    timed = performance(player, fake.images(2), runs=50, warmups=1)
    assert len(timed.microseconds) == 5
    assert not timed.valid
    long = Performance(20, (10_000_000, 12_000_000, 10_500_000, 11_000_000, 40_000_000))
    assert long.valid
    assert long.throughput == pytest.approx(20 / 11)
    assert Performance(20, (0,) * 5).throughput == 0


def test_half_a_command_of_an_earlier_host_is_read_past(stream: ProcessStream) -> None:
    stream.write(b"db 0011")
    assert Player(stream, FAKE).connect() == "xnorc host"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"", "no answer within"),
        (b"\x80" * 10_000, "does not speak MLPerf Tiny's protocol"),
        (b"m-ready\r\n" * 3, "no answer within|says no name"),
        (b"m-name-dut-[x]\r\nm-ready\r\nm-model-[vww01]\r\nm-ready\r\n", "is not built for ic01"),
        (
            b"m-name-dut-[x]\r\nm-ready\r\ne-[Unknown command: \x1b[2J]\r\nm-ready\r\n",
            r"refused `profile`: e-\[.*\.\[2J",
        ),
    ],
)
def test_a_device_that_says_something_else_is_told_in_one_line(said: bytes, complaint: str) -> None:
    with pytest.raises(LinkError, match=complaint) as caught:
        Player(Saying(said), FAKE, patience=0.05).connect()
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"m-results-[1,2]\r\n",
        b"m-lap-us-1\r\nm-lap-us-2\r\nm-results-[1,2,3,4,5,6]\r\n",
        b"m-lap-us-1\r\nm-lap-us-2\r\nm-results-[1,,1.1.1,2,3,4,5]\r\n",
    ],
)
def test_a_result_that_is_none_is_refused(said: bytes) -> None:
    with pytest.raises(LinkError, match="gave "):
        Player(Saying(said + b"m-ready\r\n"), FAKE, patience=0.05).infer()


def test_programs_of_other_sizes_are_refused() -> None:
    with pytest.raises(ProgramError, match=r"fake: the input has 360 bytes, ic01 \(.*\) sends 3072"):
        task("ic01").check(fake.program())
    with pytest.raises(ProgramError, match=r"7 logits, x .* wants 2 scores"):
        Task("x", "", 360, 2).check(fake.program())
    with pytest.raises(ProgramError, match=r"--mlperf: 'ad01' is no task \(ic01, kws01, vww01\)"):
        task("ad01")


def test_the_runners_files_hold_the_bytes_that_are_sent(tmp_path: Path) -> None:
    x = fake.images(2)
    signed = Task("kws01", "", 360, 7, flip=0x80)
    truth = write_truth(x, [3, 5], signed, tmp_path)
    assert truth.read_text() == "00000.bin,7,3\n00001.bin,7,5\n"
    kept = np.frombuffer((tmp_path / "kws01" / "00001.bin").read_bytes(), np.int8)
    assert np.array_equal(kept.astype(int) + 128, x[1].ravel())
    assert sent(x[0], 0) == x[0].tobytes()
    with pytest.raises(DataError, match="is there already"):
        write_truth(x, [3, 5], signed, tmp_path)
