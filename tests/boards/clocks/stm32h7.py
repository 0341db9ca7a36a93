# SPDX-License-Identifier: Apache-2.0
"""STM32H742, H743 and H753 (RM0433)."""

from __future__ import annotations

from tests.boards.clocks.chip import AHB, APB, Stm32, Tree, prescaler
from xnorc.boards import Write

RCC, PWR, ACR = 0x58024400, 0x58024800, 0x52002000
CR, CFGR, D1CFGR, D2CFGR, D3CFGR = RCC, RCC + 0x10, RCC + 0x18, RCC + 0x1C, RCC + 0x20
PLLCKSELR, PLLCFGR, PLL1DIVR, D2CCIP2R = RCC + 0x28, RCC + 0x2C, RCC + 0x30, RCC + 0x54
CR3, CSR1, D3CR = PWR + 0xC, PWR + 4, PWR + 0x18
# VOS -> the core, AXI and AHB, APB; flash by AXI clock a wait state.
LIMITS = {3: (400e6, 200e6, 100e6, 70e6), 2: (300e6, 150e6, 75e6, 55e6), 1: (200e6, 100e6, 50e6, 45e6)}


class Stm32H7(Stm32):
    gpio = 0x58020000
    gpio_enable = (RCC + 0xE0, 0)
    ready = (
        (CR, 1, CR, 4),
        (CR, 1 << 16, CR, 1 << 17),
        (CR, 1 << 24, CR, 1 << 25),
        (CFGR, 1, CFGR, 8),
        (CFGR, 2, CFGR, 16),
    )
    frozen = (
        (PLLCKSELR, 0x3F3, CR, 1 << 24),
        (PLLCFGR, 0xF, CR, 1 << 24),
        (PLL1DIVR, 0x7F7FFFFF, CR, 1 << 24),
        (CR, 1 << 18, CR, 1 << 16),
    )

    def __init__(self, hse: float, uart: int, uart_enable: tuple[int, int]) -> None:
        reset = {CR: 0x25, PLLCKSELR: 0x02020200, PLLCFGR: 0x01FF0000, PLL1DIVR: 0x01010280, ACR: 0x37}
        reset |= {CR3: 0x46, CSR1: 0x4000, D3CR: 0x4000, self.gpio: 0xABFFFFFF, self.gpio + 0xC00: 0xFFFFFFFF}
        super().__init__(reset, uart, uart_enable)
        self.hse = hse

    def step(self, step: Write) -> None:
        supplied = CR3 in self.written
        super().step(step)
        if CR3 in self.written:
            self.registers[CSR1] |= 1 << 13
            self.registers[D3CR] |= 1 << 13
        assert step.address != D3CR or step.how == "wait" or supplied, "VOS was changed before the supply was chosen"

    def source(self) -> tuple[float, float, float]:
        """(PLL's input, VCO, output P) in Hz."""
        base = {0: 64e6, 2: self.hse}[self.bits(PLLCKSELR, 0, 2)]
        into = base / self.bits(PLLCKSELR, 4, 6)
        vco = into * (1 + self.bits(PLL1DIVR, 0, 9))
        return into, vco, vco / (1 + self.bits(PLL1DIVR, 9, 7))

    def core(self) -> float:
        kind = self.bits(CFGR, 0, 3)
        if kind == 3:
            assert self.bits(CR, 25, 1), "the PLL is not ready"
            assert self.bits(PLLCFGR, 16, 1), "DIVP1EN is off"
            hz = self.source()[2]
        else:
            assert kind == 0
            assert self.bits(CR, 2, 1), "HSI is not ready"
            hz = 64e6 / (1 << self.bits(CR, 3, 2))
        return hz / prescaler(self.bits(D1CFGR, 8, 4), 8, AHB)

    def axi(self) -> float:
        return self.core() / prescaler(self.bits(D1CFGR, 0, 4), 8, AHB)

    def check(self) -> None:
        if self.bits(CR, 24, 1):
            into, vco, _ = self.source()
            assert self.bits(CR, {0: 2, 2: 17}[self.bits(PLLCKSELR, 0, 2)], 1), "the PLL's source is not ready"
            low, high = ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))[self.bits(PLLCFGR, 2, 2)]
            self.limit("the PLL's input (PLL1RGE)", into, low, high)
            assert not self.bits(PLLCFGR, 0, 1), "a fractional PLL"
            assert not self.bits(PLLCFGR, 1, 1), "the narrow VCO is not modelled"
            self.limit("the VCO", vco, 192e6, 836e6)
        core, bus, apb, flash = LIMITS[self.bits(D3CR, 14, 2)]
        self.limit("the core", self.core(), 0, core)
        self.limit("AXI", self.axi(), 0, bus)
        for register, low_bit in ((D1CFGR, 4), (D2CFGR, 4), (D2CFGR, 8), (D3CFGR, 4)):
            # Reset itself leaves the buses at 64 MHz and scale 3: given, not judged.
            self.limit(
                "an APB",
                self.axi() / prescaler(self.bits(register, low_bit, 3), 4, APB),
                0,
                apb if self.bits(CFGR, 0, 3) else 64e6,
            )
        self.limit("flash", self.axi(), 0, flash * (1 + self.bits(ACR, 0, 4)))
        fast = self.axi() > 185e6
        assert self.bits(ACR, 4, 2) >= (2 if fast else 0), "WRHIGHFREQ is too small"

    def tree(self) -> Tree:
        assert self.bits(D2CCIP2R, 0, 3) == 0
        return Tree(self.core(), self.axi() / prescaler(self.bits(D2CFGR, 4, 3), 4, APB))
