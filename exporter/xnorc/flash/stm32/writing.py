# SPDX-License-Identifier: Apache-2.0
"""An image into an STM32 through its bootloader, in an order that never leaves half a program able to boot.

The units that the image touches are erased from the first on, so that the vector table goes first; the block with the
vector table is written last.  Between the two the chip has nothing to start.
"""

from __future__ import annotations

from collections.abc import Iterator

from xnorc.errors import FlashError, XnorcError
from xnorc.flash.flasher import Progress
from xnorc.flash.image import ERASED, Image
from xnorc.flash.stm32.an3155 import BLOCK, ERASE, EXTENDED_ERASE, GO, READ, WRITE, Bootloader, Refused
from xnorc.flash.stm32.chips import CHIPS, Chip

TOGETHER = 16  # pages of one erase command: progress is seen, and its wait stays bounded
SECTOR = 16 * 1024  # units from this size on are erased one by one

UNTOUCHED = "its flash is as it was"
ERASING = "its flash is partly erased and starts nothing: run the same command again"
WRITING = "its flash is partly written and starts nothing: run the same command again"
WRITTEN = "it holds an image that differs or was not proved: run the same command again"
VERIFIED = "it holds the image, proved by reading it back, but was not started: reset it"


def identify(loader: Bootloader, expected: tuple[int, ...], board: str) -> Chip:
    """Sync, and see that this is the board's chip.

    Raises:
        FlashError: no bootloader, another chip than the board has, or one of unknown layout.
    """
    try:
        loader.sync()
        loader.get()
        found = loader.chip_id()
        missing = {READ, WRITE, GO} - loader.commands
        if missing or not loader.commands & {ERASE, EXTENDED_ERASE}:
            raise FlashError(loader.name, "its bootloader lacks commands", "check the cable, then try again")
        if expected and found not in expected:
            wanted = " or ".join(told(id) for id in expected)
            what = f"the chip is {told(found)}, {board} has {wanted}"
            raise FlashError(loader.name, what, "the right --board or the right --port")
        if found not in CHIPS:
            what = f"nothing is known of the flash of chip {found:#x}"
            raise FlashError(loader.name, what, "add it to exporter/xnorc/flash/stm32/chips.py")
    except FlashError as error:
        raise FlashError(error.where, f"{error.what}; {UNTOUCHED}", error.hint) from error
    return CHIPS[found]


def told(id: int) -> str:
    return f"{CHIPS[id].name} ({id:#x})" if id in CHIPS else f"{id:#x}"


def write_image(loader: Bootloader, chip: Chip, image: Image, progress: Progress, *, go: bool = True) -> None:
    """Erase, write, read back, start.

    Raises:
        FlashError: what went wrong, and the state in which the board is now.
    """
    state = UNTOUCHED
    try:
        units = chip.erase_units((start, start + len(data)) for start, data in image.parts)
        readable(loader, image.start)
        total, done = sum(chip.units[unit] for unit in units), 0
        for group in groups(chip, units):
            state = ERASING
            loader.erase(group)
            done += sum(chip.units[unit] for unit in group)
            progress("erase", done, total)
        state, done = WRITING, 0
        first, *rest = blocks(image)
        for address, data in [*rest, first]:
            loader.write(address, data)
            done += len(data)
            progress("write", done, image.size)
        state, done = WRITTEN, 0
        for address, data in [first, *rest]:
            compare(loader, address, data)
            done += len(data)
            progress("verify", done, image.size)
        state = VERIFIED
        if go:
            loader.go(image.start)
    except XnorcError as error:
        raise FlashError(error.where, f"{error.what}; {state}", error.hint) from error


def readable(loader: Bootloader, address: int) -> None:
    """See that the chip lets itself be read: under read-out protection READ is refused (AN3155, section 3.4).

    Raises:
        Refused: the chip is protected; nothing was changed.
    """
    try:
        loader.read(address, 4)
    except Refused as error:
        what = "the chip is read-out protected (or broken)"
        raise Refused(loader.name, what, "--unprotect lifts it and erases ALL of the chip") from error


def compare(loader: Bootloader, address: int, data: bytes) -> None:
    found = loader.read(address, len(data))
    if found != data:
        at = next(i for i, (a, b) in enumerate(zip(found, data, strict=True)) if a != b)
        what = f"{address + at:#010x} reads {found[at]:#04x} where {data[at]:#04x} was written"
        raise FlashError(loader.name, what, "if it stays so, the cable or the flash is bad")


def groups(chip: Chip, units: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Units for one erase command each."""
    held: list[int] = []
    for unit in units:
        held.append(unit)
        if len(held) == TOGETHER or chip.units[unit] >= SECTOR:
            yield tuple(held)
            held = []
    if held:
        yield tuple(held)


def blocks(image: Image) -> list[tuple[int, bytes]]:
    """(address, bytes) to write at once: aligned to 4 at both ends, as the bootloader demands, filled with 0xFF.

    Each ends at a multiple of 256 where the part goes on, so that no write crosses a row of any chip's flash.
    """
    found: list[tuple[int, bytes]] = []
    for start, data in image.parts:
        lead = start % 4
        whole = bytes([ERASED]) * lead + data
        whole += bytes([ERASED]) * (-len(whole) % 4)
        at, base = 0, start - lead
        while at < len(whole):
            size = BLOCK - (base + at) % BLOCK
            found.append((base + at, whole[at : at + size]))
            at += size
    return found
