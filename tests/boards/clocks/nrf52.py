# SPDX-License-Identifier: Apache-2.0
"""nRF52840 (Product Specification 1.7: CLOCK, NVMC, GPIO, UARTE): one core clock, a crystal to be started."""

from __future__ import annotations

from tests.boards.clocks.chip import Chip, Pins, Tree

CLOCK, UARTE, NVMC, P0 = 0x40000000, 0x40002000, 0x4001E000, 0x50000000


class Nrf52(Chip):
    ready = ((CLOCK, 1, CLOCK + 0x100, 1),)

    def __init__(self) -> None:
        super().__init__({UARTE + 0x50C: 0xFFFFFFFF, UARTE + 0x514: 0xFFFFFFFF})

    def check(self) -> None:
        assert self.bits(UARTE + 0x500, 0, 4) == 0, "PSEL was written while the UARTE is on"

    def tree(self) -> Tree:
        assert self.bits(CLOCK + 0x100, 0, 1), "the crystal does not run: the UART would be off by percents"
        return Tree(64e6, 16e6)

    def check_uart(self, pins: Pins) -> None:
        assert self.registers[UARTE + 0x50C] == 32 * pins.port + pins.tx
        assert self.registers[UARTE + 0x514] == 32 * pins.port + pins.rx
        assert self.registers[P0 + 0x700 + 4 * pins.tx] & 1, "TX is not an output"
        assert self.registers[P0 + 0x700 + 4 * pins.rx] & 3 == 0, "RX is not an input that is connected"
        assert self.bits(NVMC + 0x540, 0, 1), "the flash's cache is off"
