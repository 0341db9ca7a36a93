# SPDX-License-Identifier: Apache-2.0
"""`xnorc flash` and `xnorc deploy` on boards on a desk, an M0, an M3 and an M4: from a program to a report."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flash.desk import desk
from tests.flash.simulator import Chip, Wait
from xnorc.boards import load
from xnorc.cli import main
from xnorc.flash.stm32 import chips
from xnorc.resources import folder
from xnorc.targets.port import hint, open_port

Need = Callable[..., None]
Xnorc = Callable[..., tuple[int, str, str]]
PRETENDED = 0x7F0  # no chip's id: an nRF51 that speaks AN3155, because QEMU has no STM32 with a Cortex-M0


@pytest.fixture
def xnorc(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Xnorc:
    """The command line in this process, in an empty folder: exit code, standard output, standard error."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xnorc", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def board_file(tmp_path: Path, name: str, flash: str) -> Path:
    """A board of ours under its own name in another folder, with this [flash] table."""
    text = (folder("boards") / f"{name}.toml").read_text().split("\n[flash]")[0]
    path = tmp_path / f"{name}.toml"
    path.write_text(f'{text}\n[flash]\nby = "stm32"\n{flash}\n')
    return path


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["microbit", "netduino2", "netduinoplus2"])
def test_a_program_goes_all_the_way_to_a_report(
    name: str, xnorc: Xnorc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    pytest.importorskip("sklearn")
    id, board = {"microbit": PRETENDED, "netduino2": 0x411, "netduinoplus2": 0x413}[name], load(name)
    if id == PRETENDED:
        made = chips.Chip(PRETENDED, "pretended", (1024,) * 256, base=0)
        monkeypatch.setitem(chips.CHIPS, PRETENDED, made)
    layout = chips.CHIPS[id]
    chip = Chip(id, layout.units, base=layout.base)
    file = board_file(tmp_path, name, f"chips = [{id}]\nwords = 'hold BOOT, press RESET'")
    assert board.qemu is not None
    size = min(board.memory.flash.length, len(chip.memory))
    with desk(chip, board.qemu.machine, tmp_path, size) as on:
        words = ("--board", file, "--port", on.port, "--data", "digits", "--limit", 20, "--out", "report")
        code, out, err = xnorc("deploy", "zoo:digits", *words, "--json")
        assert code == 0, err
        told = json.loads(out)
        assert told["agreement"]["device_logits"] == told["agreement"]["samples"] == 20
        for said in ("erase", "write", "verify", "the image that was built"):
            assert said in err
    assert (Path("report") / "report.html").is_file()
    binary = (Path("report") / name / "firmware.bin").read_bytes()
    assert chip.memory[: len(binary)] == binary


class Forgetful(Chip):
    """Loses a bit of its program between the read-back and its start."""

    def _go(self) -> Wait:
        yield from super()._go()
        last = max(at for at in range(0x80000) if self.memory[at] not in (0xFF, 0xA5))
        self.memory[last] ^= 1


@pytest.mark.emulator
def test_success_is_never_said_of_another_image_than_the_one_built(xnorc: Xnorc, tmp_path: Path, need: Need) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    pytest.importorskip("sklearn")
    chip = Forgetful(0x413, chips.CHIPS[0x413].units)
    with desk(chip, "netduinoplus2", tmp_path, 0x80000) as on:
        words = ("--port", on.port, "--data", "digits", "--limit", 2, "--out", "report")
        code, out, err = xnorc("deploy", "zoo:digits", "--board", "netduinoplus2", *words)
    assert (code, out) == (2, "")
    assert "runs an image of" in err.splitlines()[-1]
    assert not (Path("report") / "report.html").exists()


def test_a_port_that_another_program_holds_is_told(xnorc: Xnorc, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(bytes.fromhex("0010002009000008") + bytes(100))
    with desk(Chip(0x413, chips.CHIPS[0x413].units), "", tmp_path) as on, open_port(on.port, 115200):
        code, out, err = xnorc("flash", tmp_path / "f.bin", "--board", "netduinoplus2", "--port", on.port)
    assert (code, out) == (2, "")
    assert "cannot be opened" in err
    assert "another program holds it" in err


def test_a_port_that_is_not_ours_to_open_names_the_group() -> None:
    assert "dialout" in hint(13)


@pytest.mark.emulator
def test_a_board_that_runs_xnorc_needs_no_button(xnorc: Xnorc, tmp_path: Path, need: Need) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    rom = 0x080E0000  # QEMU has no system memory: a stand-in at the end of its flash
    file = board_file(tmp_path, "netduinoplus2", f"chips = [0x413]\nwords = 'press RESET'\nbootloader = {rom:#x}")
    chip = Chip(0x413, chips.CHIPS[0x413].units)
    with desk(chip, "netduinoplus2", tmp_path, 0x80000, rom) as on:
        words = ("flash", "zoo:digits", "--board", file, "--port", on.port)
        first, second = xnorc(*words), xnorc(*words)
        assert (first[0], second[0], on.entered) == (0, 0, 1), first[2] + second[2]
        assert "press RESET" not in first[2] + second[2]  # it listened at once; it was asked to


def test_flash_says_what_it_did(xnorc: Xnorc, tmp_path: Path) -> None:
    code = bytes.fromhex("0010002009000008") + bytes(range(100))
    (tmp_path / "f.bin").write_bytes(code)
    chip = Chip(0x413, chips.CHIPS[0x413].units)
    with desk(chip, "", tmp_path) as on:
        told = xnorc("flash", tmp_path / "f.bin", "--board", "netduinoplus2", "--port", on.port)
        assert told[0] == 0, told
        assert "108 bytes flashed, CRC-32" in told[1]
        assert "verified: read back" in told[1]
        assert chip.memory[:108] == code
        chip.reset()
        again = xnorc("flash", tmp_path / "f.bin", "-b", "netduinoplus2", "-p", on.port, "--json")
        assert json.loads(again[1])["verified"] == "read back"


@pytest.mark.parametrize("case", ["wrong chip", "locked", "silent", "chatty", "no port", "gone", "other board", "none"])
def test_what_is_wrong_is_one_line_and_exit_code_2(case: str, xnorc: Xnorc, tmp_path: Path) -> None:
    code = bytes.fromhex("0010002009000008") + bytes(100)
    file = tmp_path / "f.bin"
    file.write_bytes(code)
    chip = Chip(0x420 if case == "wrong chip" else 0x413, (1024,) * 128, protected=case == "locked")
    before = bytes(chip.memory)
    board: object = "netduinoplus2"
    if case == "silent":
        chip.dead = True
    if case == "chatty":
        chip.feed = lambda data: b"\x1b[31mhello"  # type: ignore[method-assign]
    if case == "none":
        board = "mps2_an386"
    if case == "other board":
        shutil.copy(zoo_elf(tmp_path), file.with_suffix(".elf"))
        file = file.with_suffix(".elf")
    says = {
        "wrong chip": "the chip is STM32F100 medium density (0x420), netduinoplus2 has STM32F405",
        "locked": "read-out protected",
        "silent": "no STM32 bootloader answers",
        "chatty": "where a bootloader says 79",
        "no port": "--port: is missing",
        "gone": "cannot be opened",
        "other board": "an image for another board",
        "none": "does not say how to flash it",
    }
    with desk(chip, "", tmp_path) as on:
        port = {"no port": (), "gone": ("--port", "/dev/nothing_here")}.get(case, ("--port", on.port))
        status, out, err = xnorc("flash", file, "--board", board, *port)
    assert (status, out) == (2, "")
    errors = [line for line in err.splitlines() if line.startswith("xnorc: ")]
    assert len(errors) == 1, err
    assert says[case] in errors[0]
    assert "\x1b" not in err
    assert bytes(chip.memory) == before


def zoo_elf(tmp_path: Path) -> Path:
    """An ELF file linked at 0, as for a board whose flash lies there."""
    from tests.flash.test_image import CODE, elf

    path = tmp_path / "zero.elf"
    path.write_bytes(elf(CODE, 0))
    return path
