# SPDX-License-Identifier: Apache-2.0
"""An image to be flashed: ranges of addresses with their bytes, read from an ELF, Intel HEX or raw binary file."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from xnorc.boards import Region
from xnorc.errors import FlashError

ERASED = 0xFF  # what a byte of flash reads after an erase
LARGEST = 64 << 20  # bytes of an image file; no microcontroller's flash is larger


@dataclass(frozen=True)
class Image:
    """Bytes by address.  `parts` are sorted, do not touch or overlap, and none is empty."""

    name: str
    parts: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, name: str, pieces: list[tuple[int, bytes]]) -> Image:
        """Pieces in any order -> an image; those that touch become one.

        Raises:
            FlashError: two pieces overlap, or there are no bytes at all.
        """
        parts: list[tuple[int, bytearray]] = []
        for start, data in sorted((start, bytes(data)) for start, data in pieces if data):
            end = parts[-1][0] + len(parts[-1][1]) if parts else -1
            if start < end:
                raise FlashError(name, f"holds two values for address {start:#010x}", "build it again")
            if start == end:
                parts[-1][1].extend(data)
            else:
                parts.append((start, bytearray(data)))
        if not parts:
            raise FlashError(name, "holds no bytes to flash", "an ELF, .hex or .bin file of a firmware")
        return cls(name, tuple((start, bytes(data)) for start, data in parts))

    @property
    def start(self) -> int:
        return self.parts[0][0]

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        start, data = self.parts[-1]
        return start + len(data)

    @property
    def size(self) -> int:
        """Bytes to be written."""
        return sum(len(data) for _, data in self.parts)

    def flat(self) -> bytes:
        """All bytes from `start` to `end`; gaps are erased flash."""
        whole = bytearray([ERASED]) * (self.end - self.start)
        for start, data in self.parts:
            whole[start - self.start : start - self.start + len(data)] = data
        return bytes(whole)

    @property
    def crc32(self) -> int:
        """zlib's CRC-32 of `flat()`."""
        return zlib.crc32(self.flat())

    def check(self, flash: Region, board: str) -> None:
        """That it lies in the board's flash and starts with a vector table of it.

        Raises:
            FlashError: it is for another board, or larger than the flash.
        """
        if not flash.origin <= self.start < flash.end:
            what = f"starts at {self.start:#010x}, the flash of {board} is {flash.origin:#010x}..{flash.end - 1:#010x}"
            raise FlashError(self.name, what, f"an image for another board: build with --board {board}")
        if self.end > flash.end:
            what = f"needs {self.end - flash.origin:,} bytes of flash, {board} has {flash.length:,}"
            raise FlashError(self.name, what, "a smaller network, or a board with more memory")
        first = self.parts[0][1]
        reset = int.from_bytes(first[4:8], "little")
        if self.start == flash.origin and (len(first) < 8 or not (reset & 1 and self.start < reset < self.end)):
            what = f"has no vector table of {board}: its reset vector is {reset:#010x}"
            raise FlashError(self.name, what, f"an image for another board: build with --board {board}")


def read_image(path: Path, flash: Region) -> Image:
    """An image by its file: ELF by its first bytes, .hex by its ending, anything else as raw bytes from flash's start.

    Raises:
        FlashError: the file is missing, damaged or empty.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise FlashError(str(path), f"has more than {LARGEST >> 20} MiB", "an ELF, .hex or .bin of a firmware")
        data = path.read_bytes()
    except OSError as error:
        raise FlashError(str(path), f"cannot be read: {error.strerror}", "the file that `xnorc build` wrote") from error
    if data.startswith(b"\x7fELF"):
        return Image.of(path.name, _elf(data, path))
    if path.suffix.lower() in (".hex", ".ihex", ".ihx"):
        return Image.of(path.name, _hex(data, path))
    if path.suffix.lower() != ".bin":
        raise FlashError(str(path), "is no ELF file and ends neither in .hex nor in .bin", "ELF, .hex or .bin")
    return Image.of(path.name, [(flash.origin, data)])


def _elf(data: bytes, path: Path) -> list[tuple[int, bytes]]:
    """The loaded segments, at the addresses where they are stored (LMA)."""
    try:
        file = ELFFile(io.BytesIO(data))
        if file["e_machine"] != "EM_ARM":
            raise FlashError(str(path), "is an ELF file for another kind of processor", "a firmware for Arm Cortex-M")
        loaded = [s for s in file.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"]]
        pieces = [(int(s["p_paddr"]), s.data()) for s in loaded]
        whole = all(len(piece) == s["p_filesz"] for (_, piece), s in zip(pieces, loaded, strict=True))
    except (ELFError, ValueError, KeyError, AttributeError, TypeError, UnicodeDecodeError, OverflowError) as error:
        raise FlashError(str(path), "is a damaged ELF file", "build it again") from error
    if not whole:
        raise FlashError(str(path), "is a damaged ELF file: it ends too early", "build it again")
    return pieces


def _hex(data: bytes, path: Path) -> list[tuple[int, bytes]]:
    """Records of an Intel HEX file (types 0, 1, 2, 4; 3 and 5, start addresses, are not needed)."""
    pieces, base = [], 0
    for number, line in enumerate(data.split(), 1):
        try:
            record = bytes.fromhex(line[1:].decode("ascii"))
            sound = line[:1] == b":" and len(record) >= 5 and len(record) == record[0] + 5 and not sum(record) & 0xFF
        except ValueError:
            sound = False
        if not sound or record[3] > 5 or (record[3] in (2, 4) and record[0] != 2):
            raise FlashError(f"{path}:{number}", "is no sound record of Intel HEX", "copy or build the file again")
        body = record[4:-1]
        if record[3] == 0:
            pieces.append((base + int.from_bytes(record[1:3], "big"), body))
        elif record[3] == 1:
            return pieces
        elif record[3] in (2, 4):
            base = int.from_bytes(body, "big") << (4 if record[3] == 2 else 16)
    raise FlashError(str(path), "has no end record: it is cut short", "copy or build the file again")
