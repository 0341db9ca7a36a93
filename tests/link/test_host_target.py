# SPDX-License-Identifier: Apache-2.0
"""The host target is a stream like any other, and says how its process ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.link import fake
from xnorc.errors import ToolError
from xnorc.link.client import Client
from xnorc.link.session import stream_samples
from xnorc.targets.host import HostStream
from xnorc.toolchain import build_host


def program(tmp_path: Path, source: str) -> Path:
    (tmp_path / "main.c").write_text(source)
    return build_host([tmp_path / "main.c"], [], {}, tmp_path / "ends")


def test_a_read_gives_what_there_is_when_its_time_is_over(device: Path) -> None:
    with HostStream(device, timeout=0.05) as stream:
        started = time.monotonic()
        assert stream.read(10) == b""
        assert 0.04 < time.monotonic() - started < 1


def test_what_does_not_exist_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="does not start"):
        HostStream(tmp_path / "nothing")


def test_a_process_that_ends_says_its_status_and_last_words(tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    source = '#include <stdio.h>\nint main(void) { fputs("no arena\\n", stderr); return 3; }\n'
    with (
        HostStream(program(tmp_path, source)) as stream,
        pytest.raises(ToolError, match="ended with status 3: no arena"),
    ):
        stream.read()


def test_a_sanitizers_finding_is_the_reason(tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    source = "int main(int argc, char **argv) { (void)argv; volatile int shift = 31 + argc; return 1 << shift; }\n"
    with (
        HostStream(program(tmp_path, source)) as stream,
        pytest.raises(ToolError, match="runtime error: shift"),
    ):
        stream.read()


def test_a_client_passes_the_reason_on(tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    source = "#include <stdlib.h>\nint main(void) { exit(4); }\n"
    with HostStream(program(tmp_path, source)) as stream, pytest.raises(ToolError, match="ended with status 4"):
        Client(stream).hello()


def test_a_thousand_samples_take_seconds_not_minutes(device: Path) -> None:
    """Four round trips a sample under sanitizers: about 2000 samples a second; one-byte writes would take a minute."""
    with HostStream(device) as stream:
        client = Client(stream)
        client.connect()
        run = stream_samples(client, fake.images(1000))
    assert run.seconds < 10
