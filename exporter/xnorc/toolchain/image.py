# SPDX-License-Identifier: Apache-2.0
"""The exact sizes of a linked firmware, read out of its ELF file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from xnorc.boards import Board

SHF_ALLOC = 2  # ELF: the section takes memory


@dataclass(frozen=True)
class Image:
    """A linked firmware.  Sizes are bytes, exact, from the ELF file.

    Attributes:
        elf: the file to load into an emulator or debugger.
        binary: the same as raw bytes from the start of flash.
        text: code and vector table.
        rodata: constants.
        data: initialised variables (they take flash and RAM).
        bss: zeroed and uninitialised variables.
        stack: the reserve at the start of RAM.
        flash: bytes of flash from its start to the end of the image, alignment included.
        ram: bytes of RAM from its start to the end of the last variable, alignment and the stack's reserve included.
        symbols: size of every function and object by name; equal names of different files are added up.
        addresses: address of every symbol by name, functions without the Thumb bit.
    """

    board: Board
    elf: Path
    binary: Path
    text: int
    rodata: int
    data: int
    bss: int
    stack: int
    flash: int
    ram: int
    symbols: Mapping[str, int] = field(repr=False)
    addresses: Mapping[str, int] = field(repr=False)


def image_of(board: Board, elf: Path, binary: Path) -> Image:
    """Read section headers and symbol table of a firmware linked for `board`."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        size = {section.name: int(section["sh_size"]) for section in image.iter_sections()}
        region = board.memory.ram
        ends = [int(s["sh_addr"]) + int(s["sh_size"]) for s in image.iter_sections() if int(s["sh_flags"]) & SHF_ALLOC]
        end_of_ram = max((end for end in ends if region.origin < end <= region.end), default=region.origin)
        symbols: dict[str, int] = {}
        addresses: dict[str, int] = {}
        table = image.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            kind, name = symbol["st_info"]["type"], symbol.name
            if name and not name.startswith("$") and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
                symbols[name] = symbols.get(name, 0) + int(symbol["st_size"])
                addresses[name] = int(symbol["st_value"]) & ~(1 if kind == "STT_FUNC" else 0)
    return Image(
        board=board,
        elf=elf,
        binary=binary,
        text=size.get(".vectors", 0) + size.get(".text", 0),
        rodata=size.get(".rodata", 0),
        data=size.get(".data", 0),
        bss=size.get(".bss", 0) + size.get(".noinit", 0),
        stack=size.get(".stack", 0),
        flash=binary.stat().st_size,
        ram=end_of_ram - board.memory.ram.origin,
        symbols=symbols,
        addresses=addresses,
    )
