# SPDX-License-Identifier: Apache-2.0
"""STM32 chips by the product id that their bootloader gives (ST AN2606, "Device-dependent bootloader parameters").

Erase units are those of each reference manual's chapter "Embedded flash memory": F0 RM0091, F1 RM0008 and RM0041,
F3 RM0316, G0 RM0444, L0 RM0367, L1 RM0038, L4 RM0351, L4+ RM0432, F2 RM0033, F4 RM0090, RM0368 and RM0390,
F7 RM0385, RM0410 and RM0431, H7 RM0433.

Of dual-bank chips whose second bank the manuals number apart (G0B1, H743) the first bank is listed alone: an image that
needs more is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xnorc.errors import FlashError

FLASH = 0x08000000
K = 1024


@dataclass(frozen=True)
class Chip:
    """Flash of one product id: bytes of every erase unit (page or sector) in order of address, from `base` on."""

    id: int
    name: str
    units: tuple[int, ...]
    base: int = FLASH

    @property
    def end(self) -> int:
        return self.base + sum(self.units)

    def erase_units(self, ranges: Iterable[tuple[int, int]]) -> tuple[int, ...]:
        """The numbers of the units that hold a byte of these (start, end) ranges, sorted.

        Raises:
            FlashError: a range lies outside the flash.
        """
        wanted = set()
        for start, end in ranges:
            if start < self.base or end > self.end:
                what = f"has {sum(self.units):,} bytes of flash that can be reached, up to {self.end:#010x}"
                raise FlashError(self.name, f"{what}; the image ends at {end:#010x}", "a larger chip or less to flash")
            at = self.base
            for number, size in enumerate(self.units):
                if at < end and start < at + size:
                    wanted.add(number)
                at += size
        return tuple(sorted(wanted))


def _pages(size: int, flash: int) -> tuple[int, ...]:
    return (size,) * (flash // size)


def _sectors(unit: int, large: int) -> tuple[int, ...]:
    """Four of `unit`, one of four times, then `large` of eight times that: F2, F4 (16 KB) and F7 (16 or 32 KB)."""
    return (unit,) * 4 + (4 * unit,) + (8 * unit,) * large


CHIPS = {
    chip.id: chip
    for chip in (
        Chip(0x440, "STM32F05x or F030x8", _pages(K, 64 * K)),
        Chip(0x442, "STM32F09x or F030xC", _pages(2 * K, 256 * K)),
        Chip(0x444, "STM32F03x", _pages(K, 32 * K)),
        Chip(0x445, "STM32F04x or F070x6", _pages(K, 32 * K)),
        Chip(0x448, "STM32F07x", _pages(2 * K, 128 * K)),
        Chip(0x412, "STM32F10x low density", _pages(K, 32 * K)),
        Chip(0x410, "STM32F10x medium density", _pages(K, 128 * K)),
        Chip(0x414, "STM32F10x high density", _pages(2 * K, 512 * K)),
        Chip(0x420, "STM32F100 medium density", _pages(K, 128 * K)),
        Chip(0x428, "STM32F100 high density", _pages(2 * K, 512 * K)),
        Chip(0x418, "STM32F105 or F107", _pages(2 * K, 256 * K)),
        Chip(0x422, "STM32F302xC or F303xC", _pages(2 * K, 256 * K)),
        Chip(0x432, "STM32F373", _pages(2 * K, 256 * K)),
        Chip(0x438, "STM32F303x8 or F334", _pages(2 * K, 64 * K)),
        Chip(0x439, "STM32F301 or F302x8", _pages(2 * K, 64 * K)),
        Chip(0x446, "STM32F302xE or F303xE", _pages(2 * K, 512 * K)),
        Chip(0x460, "STM32G07x or G08x", _pages(2 * K, 128 * K)),
        Chip(0x466, "STM32G03x or G04x", _pages(2 * K, 64 * K)),
        Chip(0x467, "STM32G0B1 or G0C1", _pages(2 * K, 256 * K)),
        Chip(0x425, "STM32L03x or L04x", _pages(128, 32 * K)),
        Chip(0x417, "STM32L05x or L06x", _pages(128, 64 * K)),
        Chip(0x447, "STM32L07x or L08x", _pages(128, 192 * K)),
        Chip(0x416, "STM32L1 category 1", _pages(256, 128 * K)),
        Chip(0x429, "STM32L1 category 2", _pages(256, 128 * K)),
        Chip(0x427, "STM32L1 category 3", _pages(256, 256 * K)),
        Chip(0x437, "STM32L1 category 5", _pages(256, 512 * K)),
        Chip(0x415, "STM32L47x or L48x", _pages(2 * K, 1024 * K)),
        Chip(0x435, "STM32L43x or L44x", _pages(2 * K, 256 * K)),
        Chip(0x461, "STM32L496 or L4A6", _pages(2 * K, 1024 * K)),
        Chip(0x470, "STM32L4Rx or L4Sx", _pages(4 * K, 2048 * K)),  # DBANK = 1, as delivered
        Chip(0x411, "STM32F2", _sectors(16 * K, 7)),
        Chip(0x413, "STM32F405, F407, F415 or F417", _sectors(16 * K, 7)),
        Chip(0x419, "STM32F42x or F43x", _sectors(16 * K, 7) * 2),
        Chip(0x421, "STM32F446", _sectors(16 * K, 3)),
        Chip(0x423, "STM32F401xB or xC", _sectors(16 * K, 1)),
        Chip(0x431, "STM32F411", _sectors(16 * K, 3)),
        Chip(0x433, "STM32F401xD or xE", _sectors(16 * K, 3)),
        Chip(0x441, "STM32F412", _sectors(16 * K, 7)),
        Chip(0x458, "STM32F410", (*(16 * K,) * 4, 64 * K)),
        Chip(0x463, "STM32F413 or F423", _sectors(16 * K, 11)),
        Chip(0x452, "STM32F72x or F73x", _sectors(16 * K, 3)),
        Chip(0x449, "STM32F74x or F75x", _sectors(32 * K, 3)),
        Chip(0x451, "STM32F76x or F77x", _sectors(32 * K, 7)),
        Chip(0x450, "STM32H74x or H75x", _pages(128 * K, 1024 * K)),
    )
}
