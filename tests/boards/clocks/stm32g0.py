# SPDX-License-Identifier: Apache-2.0
"""STM32G0 (RM0444)."""

from __future__ import annotations

from tests.boards.clocks.chip import AHB, APB, Stm32, Tree, prescaler

RCC, ACR = 0x40021000, 0x40022000
CR, CFGR, PLLCFGR, CCIPR = RCC, RCC + 8, RCC + 0xC, RCC + 0x54


class Stm32G0(Stm32):
    gpio = 0x50000000
    gpio_enable = (RCC + 0x34, 0)
    ready = (
        (CR, 1 << 8, CR, 1 << 10),
        (CR, 1 << 24, CR, 1 << 25),
        (CFGR, 1, CFGR, 1 << 3),
        (CFGR, 2, CFGR, 1 << 4),
        (CFGR, 4, CFGR, 1 << 5),
    )
    frozen = ((PLLCFGR, 0xEE3F7F73, CR, 1 << 24),)

    def __init__(self, uart: int, uart_enable: tuple[int, int], uart_select: int) -> None:
        reset = {CR: 0x500, PLLCFGR: 0x1000, ACR: 0x40600, self.gpio: 0xEBFFFFFF}
        super().__init__(reset, uart, uart_enable)
        self.uart_select = uart_select

    def source(self) -> tuple[float, float, float]:
        into = {0: 0.0, 2: 16e6}[self.bits(PLLCFGR, 0, 2)] / (1 + self.bits(PLLCFGR, 4, 3))
        vco = into * self.bits(PLLCFGR, 8, 7)
        return into, vco, vco / (1 + self.bits(PLLCFGR, 29, 3))

    def hclk(self) -> float:
        kind = self.bits(CFGR, 0, 3)
        if kind == 2:
            assert self.bits(CR, 25, 1), "the PLL is not ready"
            assert self.bits(PLLCFGR, 28, 1), "PLLREN is off"
            hz = self.source()[2]
        else:
            assert kind == 0
            hz = 16e6 / (1 << self.bits(CR, 11, 3))
        return hz / prescaler(self.bits(CFGR, 8, 4), 8, AHB)

    def check(self) -> None:
        if self.bits(CR, 24, 1):
            into, vco, _ = self.source()
            assert self.bits(CR, 10, 1), "the PLL's source is not ready"
            self.limit("the PLL's input", into, 2.66e6, 16e6)
            self.limit("the VCO", vco, 96e6, 344e6)
        self.limit("the core", self.hclk(), 0, 64e6)
        self.limit("flash", self.hclk(), 0, (24e6, 48e6, 64e6)[self.bits(ACR, 0, 3)])
        assert self.bits(ACR, 18, 1), "DBG_SWEN was cleared: no debugger could get in any more"

    def tree(self) -> Tree:
        assert self.bits(CCIPR, self.uart_select, 2) == 0
        return Tree(self.hclk(), self.hclk() / prescaler(self.bits(CFGR, 12, 3), 4, APB))
