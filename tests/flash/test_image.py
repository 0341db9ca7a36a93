# SPDX-License-Identifier: Apache-2.0
"""Image files: the same bytes from ELF, HEX and raw files, one line for each that is damaged."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from xnorc.boards import Region
from xnorc.errors import FlashError
from xnorc.flash.image import Image, read_image

FLASH = Region(0x08000000, 0x10000)
CODE = struct.pack("<II", 0x20001000, 0x08000009) + bytes(range(24))


def elf(data: bytes, address: int, machine: int = 40) -> bytes:
    head = b"\x7fELF\x01\x01\x01" + bytes(9)
    head += struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, address, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    return head + struct.pack("<IIIIIIII", 1, 84, 0x20000000, address, len(data), len(data), 5, 4) + data


def record(kind: int, at: int, data: bytes) -> str:
    body = bytes([len(data)]) + at.to_bytes(2, "big") + bytes([kind]) + data
    return ":" + (body + bytes([-sum(body) & 0xFF])).hex().upper()


def intel_hex(data: bytes) -> str:
    lines = [record(4, 0, b"\x08\x00"), *(record(0, at, data[at : at + 16]) for at in range(0, len(data), 16))]
    return "\n".join([*lines, record(5, 0, b"\x08\0\0\x09"), record(1, 0, b"")]) + "\n"


def test_three_formats_give_one_image(tmp_path: Path) -> None:
    (tmp_path / "f.elf").write_bytes(elf(CODE, FLASH.origin))
    (tmp_path / "f.hex").write_text(intel_hex(CODE))
    (tmp_path / "f.bin").write_bytes(CODE)
    for name in ("f.elf", "f.hex", "f.bin"):
        image = read_image(tmp_path / name, FLASH)
        assert image.parts == ((FLASH.origin, CODE),)
        assert image.crc32 == zlib.crc32(CODE)
        image.check(FLASH, "board")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.elf", b"\x7fELF\x01\x01\x01" + bytes(20), "damaged ELF"),
        ("a.elf", elf(CODE, FLASH.origin)[:-1], "damaged ELF"),
        ("a.elf", elf(CODE, FLASH.origin, 62), "another kind of processor"),
        ("a.hex", b":00000001FE\n", "a.hex:1: is no sound record"),
        ("a.hex", intel_hex(CODE)[:-13].encode(), "cut short"),
        ("a.hex", b"\xff\xfe", "no sound record"),
        ("a.bin", b"", "no bytes to flash"),
        ("a.txt", b"hello", "ends neither"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FlashError, match=says) as caught:
        read_image(tmp_path / name, FLASH)
    assert "\n" not in str(caught.value)


def test_every_cut_of_an_elf_file_is_one_line(tmp_path: Path) -> None:
    whole = elf(CODE, FLASH.origin)
    for size in range(4, len(whole)):
        (tmp_path / "cut.elf").write_bytes(whole[:size])
        with pytest.raises(FlashError):
            read_image(tmp_path / "cut.elf", FLASH)


def test_an_image_for_another_board_is_refused() -> None:
    with pytest.raises(FlashError, match="starts at 0x00000000, the flash of b is"):
        Image.of("x", [(0, CODE)]).check(FLASH, "b")
    with pytest.raises(FlashError, match="needs 65,540 bytes of flash, b has 65,536"):
        Image.of("x", [(FLASH.origin, CODE + bytes(65540 - len(CODE)))]).check(FLASH, "b")
    with pytest.raises(FlashError, match="no vector table of b"):
        Image.of("x", [(FLASH.origin, bytes(64))]).check(FLASH, "b")
    with pytest.raises(FlashError, match="two values for address 0x08000002"):
        Image.of("x", [(FLASH.origin, b"1234"), (FLASH.origin + 2, b"5")])
