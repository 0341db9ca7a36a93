# SPDX-License-Identifier: Apache-2.0
"""Ways to flash are found; UF2 on a folder as drive, pyOCD as a stand-in on the PATH."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import pytest

from xnorc.boards import Board, Flash, load
from xnorc.errors import FlashError, ToolError
from xnorc.flash import Image, flasher_of, kinds
from xnorc.flash import drives as way
from xnorc.flash.uf2 import uf2
from xnorc.flash.ways.drive import Drive
from xnorc.flash.ways.probe import Probe
from xnorc.flash.ways.uf2 import Uf2

RP2040 = 0xE48BFF56
IMAGE = Image.of("f.bin", [(0x10000000, bytes(range(256)) * 3), (0x10001010, b"more")])


def board(**table: object) -> Board:
    return dataclasses.replace(load("microbit"), flash=Flash(**table))  # type: ignore[arg-type]


def quiet(step: str, done: int, total: int) -> None:
    pass


def unpacked(data: bytes) -> Image:
    """A UF2 file read by the format's own text."""
    pieces = []
    assert len(data) % 512 == 0
    for at in range(0, len(data), 512):
        words = struct.unpack_from("<8I", data, at)
        assert words[:3] == (0x0A324655, 0x9E5D5157, 0x2000)
        assert words[4:] == (256, at // 512, len(data) // 512, RP2040)
        assert struct.unpack_from("<I", data, at + 508) == (0x0AB16F30,)
        pieces.append((words[3], data[at + 32 : at + 32 + 256]))
    return Image.of("read", pieces)


def test_ways_are_found_and_an_unknown_one_is_told() -> None:
    assert set(kinds()) >= {"drive", "probe", "stm32", "uf2"}
    assert flasher_of(board(by="uf2")) is Uf2
    assert flasher_of(board(by="uf2"), "drive") is Drive
    with pytest.raises(FlashError, match="--by: 'ufo' is no way to flash"):
        flasher_of(board(by="uf2"), "ufo")
    with pytest.raises(FlashError, match=r"flash\.by is 'ufo'"):
        flasher_of(board(by="ufo"))
    with pytest.raises(FlashError, match="does not say how to flash it"):
        flasher_of(load("mps2_an386"))


def test_a_uf2_file_holds_whole_pages() -> None:
    read = unpacked(uf2(IMAGE, RP2040))
    assert read.parts == (
        (0x10000000, bytes(range(256)) * 3),
        (0x10001000, b"\xff" * 16 + b"more" + b"\xff" * 236),
    )


def test_a_uf2_board_is_flashed_through_its_drive(tmp_path: Path) -> None:
    (tmp_path / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n")
    where = board(by="uf2", family=RP2040, volume="RPI-RP2")
    assert Uf2(where, str(tmp_path)).flash(IMAGE, quiet) == ""  # this way cannot read back, and does not say it did
    assert (tmp_path / "xnorc.uf2").read_bytes() == uf2(IMAGE, RP2040)


def test_the_drive_is_searched_where_systems_mount_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "ROOTS", (f"{tmp_path}/*",))
    monkeypatch.setattr(way, "PATIENCE", 0.0)
    where = board(by="uf2", family=RP2040, volume="RPI-RP2", words="hold BOOTSEL, plug in")
    said: list[str] = []
    with pytest.raises(FlashError, match=r"no drive .* of RPI-RP2 .*as it was \(hold BOOTSEL, plug in\)"):
        Uf2(where, "", say=said.append).flash(IMAGE, quiet)
    for name, id in (("one", "RPI-RP2"), ("other", "nRF52840-nano"), ("none", "")):
        (tmp_path / name).mkdir()
        if id:
            (tmp_path / name / "INFO_UF2.TXT").write_text(f"Board-ID: {id}\n")
    assert Uf2(where, "").drive() == tmp_path / "one"
    (tmp_path / "none" / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    with pytest.raises(FlashError, match="2 drives could be it"):
        Uf2(where, "").drive()


def test_a_probe_with_a_drive_takes_raw_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "ROOTS", (f"{tmp_path}/*",))
    for name in ("NODE_F446RE", "NOD_L4R5ZI", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("DETAILS.TXT" if name != "other" else "x")).write_text("Version: 0221")
    assert Drive(board(by="drive", volume="F446RE"), "").flash(IMAGE, quiet) == ""
    assert (tmp_path / "NODE_F446RE" / "xnorc.bin").read_bytes() == IMAGE.flat()
    assert not (tmp_path / "NOD_L4R5ZI" / "xnorc.bin").exists()


PYOCD = """#!/bin/sh
echo "$@" >> "$STATE/calls"
case "$1" in
load) for last; do :; done; cp "$last" "$STATE/flash" ;;
commander) for last; do :; done; set -- $last; cp "$STATE/flash" "$4" ;;
reset) if [ -e "$STATE/broken" ]; then echo "0001 C no probe is connected" >&2; exit 1; fi ;;
esac
"""


def test_pyocd_writes_reads_back_and_resets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = board(by="probe", target="nrf52840")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(ToolError, match="pyocd: is not on the PATH \\(pip install pyocd\\)"):
        Probe(where, "").flash(IMAGE, quiet)
    (tmp_path / "pyocd").write_text(PYOCD)
    (tmp_path / "pyocd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(tmp_path))
    assert Probe(where, "").flash(IMAGE, quiet) == "read back"
    assert (tmp_path / "flash").read_bytes() == IMAGE.flat()
    assert [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()] == ["load", "commander", "reset"]
    (tmp_path / "broken").touch()
    with pytest.raises(FlashError, match="no probe is connected; it holds the image and was not started"):
        Probe(where, "").flash(IMAGE, quiet)
