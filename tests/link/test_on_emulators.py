# SPDX-License-Identifier: Apache-2.0
"""The same application on emulated boards: noise into the UART, then a session over a bad line, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.link.fake_device import build_fake_firmware
from tests.link.wire import LossyStream
from xnorc.boards import load
from xnorc.errors import LinkError
from xnorc.link.client import Client
from xnorc.link.protocol import COUNTERS
from xnorc.link.session import Verify, stream_samples
from xnorc.targets.qemu import Qemu


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["microbit", "stm32vldiscovery", "mps2_an386"])
def test_noise_and_a_bad_line_change_nothing_on_a_board(name: str, tmp_path: Path, need: Callable[..., None]) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board = load(name)
    image = build_fake_firmware(board, tmp_path)
    program, x = fake.program(), fake.images(12)
    with Qemu(board).open(image.elf) as stream:
        stream.write(random.Random(7).randbytes(20_000))
        client = Client(LossyStream(stream, 0.02, seed=5), patience=60, first_wait=0.1)
        info = client.connect(digest=fake.DIGEST)
        assert info.board == name
        assert COUNTERS[info.counter] == "SysTick"  # QEMU's DWT takes every write and never counts
        run = stream_samples(client, x, program.predict(x), program, Verify.LOGITS)
        assert run.accuracy == 1.0
        assert np.array_equal(run.logits, program.run(x))
        stream_samples(client, x[:1], None, program, Verify.TENSORS)
        stack = client.stack()
        assert stack is not None
        assert stack.reserve == board.memory.stack
        assert 64 < stack.used < stack.reserve
        client.prove(image.binary.read_bytes())
        with pytest.raises(LinkError, match="runs an image of"):
            client.prove(image.binary.read_bytes() + b"more")


def test_the_application_takes_little_ram_beside_the_arena(tmp_path: Path, need: Callable[..., None]) -> None:
    """All static variables of link, session and start-up, layer ticks included."""
    need("arm-none-eabi-gcc")
    image = build_fake_firmware(load("stm32vldiscovery"), tmp_path)
    assert image.data + image.bss - image.symbols["arena"] <= 512
