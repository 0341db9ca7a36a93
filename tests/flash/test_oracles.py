# SPDX-License-Identifier: Apache-2.0
"""Two clients by other people flash the simulated bootloader: stm32flash as a process, stm32loader through its API.

They are asked for nowhere else; where they are not at hand, these tests are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flash.desk import desk
from tests.flash.simulator import Chip, Wire
from xnorc.flash.stm32.chips import CHIPS

DATA = bytes((11 * i) & 0xFF for i in range(1000))


@pytest.mark.parametrize("id", [0x440, 0x410, 0x413])
def test_stm32flash_writes_verifies_and_starts(id: int, tmp_path: Path) -> None:
    program = shutil.which("stm32flash")
    if program is None:
        pytest.skip("stm32flash is not installed")
    (tmp_path / "f.bin").write_bytes(DATA)
    chip = Chip(id, CHIPS[id].units, extended=id != 0x410)
    with desk(chip, "", tmp_path) as on:
        # a pty has no parity; -g: start
        command = [program, "-m", "8n1", "-w", str(tmp_path / "f.bin"), "-v", "-g", "0x08000000", on.port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert chip.memory[: len(DATA)] == DATA
    assert chip.started == 0x08000000


def test_stm32loader_reads_what_it_wrote() -> None:
    bootloader = pytest.importorskip("stm32loader.bootloader")
    chip = Chip(0x410, CHIPS[0x410].units, extended=False)
    loader = bootloader.Stm32Bootloader(Wire(chip), verbosity=0)
    loader.write(bytearray([0x7F]))
    assert chip.out == b""
    assert loader.connection.read(1) == b"\x79"
    loader.get()
    assert loader.get_id() == 0x410
    loader.erase_memory([0])
    loader.write_memory_data(0x08000000, bytearray(DATA))
    assert bytes(loader.read_memory_data(0x08000000, len(DATA))) == DATA
    loader.go(0x08000000)
    assert chip.started == 0x08000000
