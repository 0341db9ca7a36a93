# SPDX-License-Identifier: Apache-2.0
"""STM32F04x, F07x and F09x (RM0091)."""

from __future__ import annotations

from tests.boards.clocks.chip import AHB, APB, Stm32, Tree, prescaler

RCC, ACR = 0x40021000, 0x40022000
CR, CFGR, CFGR2, CFGR3 = RCC, RCC + 4, RCC + 0x2C, RCC + 0x30


class Stm32F0(Stm32):
    gpio = 0x48000000
    gpio_enable = (RCC + 0x14, 17)
    ready = (
        (CR, 1, CR, 2),
        (CR, 1 << 16, CR, 1 << 17),
        (CR, 1 << 24, CR, 1 << 25),
        (CFGR, 1, CFGR, 4),
        (CFGR, 2, CFGR, 8),
    )
    frozen = ((CFGR, 0x3F8000, CR, 1 << 24), (CFGR2, 0xF, CR, 1 << 24))

    def __init__(self, uart: int, uart_enable: tuple[int, int], uart_select: int) -> None:
        super().__init__({CR: 0x83, ACR: 0x30, self.gpio: 0x28000000}, uart, uart_enable)
        self.uart_select = uart_select

    def source(self) -> tuple[float, float]:
        """(PLL's input, output) in Hz."""
        kind = self.bits(CFGR, 15, 2)
        into = {0: 4e6, 1: 8e6 / (1 + self.bits(CFGR2, 0, 4))}[kind]
        return into, into * min(16, 2 + self.bits(CFGR, 18, 4))

    def hclk(self) -> float:
        kind = self.bits(CFGR, 0, 2)
        assert kind in (0, 2)
        assert self.bits(CR, {0: 1, 2: 25}[kind], 1), "the core's clock source is not ready"
        return {0: 8e6, 2: self.source()[1]}[kind] / prescaler(self.bits(CFGR, 4, 4), 8, AHB)

    def check(self) -> None:
        if self.bits(CR, 24, 1):
            into, out = self.source()
            self.limit("the PLL's input", into, 1e6, 24e6)
            self.limit("the PLL's output", out, 16e6, 48e6)
        self.limit("flash", self.hclk(), 0, 24e6 if self.bits(ACR, 0, 3) == 0 else 48e6)

    def tree(self) -> Tree:
        assert self.bits(CFGR3, self.uart_select, 2) == 0
        return Tree(self.hclk(), self.hclk() / prescaler(self.bits(CFGR, 8, 3), 4, APB))
