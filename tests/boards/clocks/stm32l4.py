# SPDX-License-Identifier: Apache-2.0
"""STM32L4 (RM0351) and L4+ (RM0432, whose range 1 may be boosted)."""

from __future__ import annotations

from tests.boards.clocks.chip import AHB, APB, Pins, Stm32, Tree, prescaler
from xnorc.boards import Write

RCC, ACR, PWR = 0x40021000, 0x40022000, 0x40007000
CR, CFGR, PLLCFGR, APB1ENR1, CCIPR = RCC, RCC + 8, RCC + 0xC, RCC + 0x58, RCC + 0x88
GPIOG = 0x48001800


class Stm32L4(Stm32):
    gpio = 0x48000000
    gpio_enable = (RCC + 0x4C, 0)
    ready = (
        (CR, 1, CR, 2),
        (CR, 1 << 8, CR, 1 << 10),
        (CR, 1 << 24, CR, 1 << 25),
        (CFGR, 1, CFGR, 4),
        (CFGR, 2, CFGR, 8),
    )
    frozen = ((PLLCFGR, 0x0E607FF3, CR, 1 << 24),)

    def __init__(self, uart: int, uart_enable: tuple[int, int], uart_select: int, *, plus: bool) -> None:
        reset = {CR: 0x63, PLLCFGR: 0x1000, ACR: 0x600, PWR: 0x200, PWR + 0x80: 0x100}
        reset |= {self.gpio: 0xABFFFFFF, self.gpio + 0x400: 0xFFFFFEBF, GPIOG: 0xFFFFFFFF}
        super().__init__(reset, uart, uart_enable)
        self.uart_select, self.plus = uart_select, plus
        self.settled = True  # a microsecond has passed since the core got fast

    def gate(self, address: int) -> tuple[int, int] | None:
        return (APB1ENR1, 28) if PWR <= address < PWR + 0x400 else super().gate(address)

    def source(self) -> tuple[float, float, float]:
        base = {1: 4e6, 2: 16e6}[self.bits(PLLCFGR, 0, 2)]
        into = base / (1 + self.bits(PLLCFGR, 4, 4 if self.plus else 3))
        vco = into * self.bits(PLLCFGR, 8, 7)
        return into, vco, vco / (2 + 2 * self.bits(PLLCFGR, 25, 2))

    def sysclk(self) -> float:
        kind = self.bits(CFGR, 0, 2)
        if kind == 3:
            assert self.bits(CR, 25, 1), "the PLL is not ready"
            assert self.bits(PLLCFGR, 24, 1), "PLLREN is off"
            return self.source()[2]
        assert self.bits(CR, {0: 1, 1: 10}[kind], 1), "the core's clock source is not ready"
        return (4e6, 16e6)[kind]

    def hclk(self) -> float:
        return self.sysclk() / prescaler(self.bits(CFGR, 4, 4), 8, AHB)

    def step(self, step: Write) -> None:
        if step.how == "delay":
            assert step.value >= self.hclk() * 1e-6, "less than a microsecond"
            self.settled = True
        before = self.sysclk()
        super().step(step)
        if step.address == CFGR and self.sysclk() > 80e6 >= before:
            assert self.hclk() <= 80e6, "AHB has to be divided while the core gets faster than 80 MHz"
            self.settled = False

    def check(self) -> None:
        if self.bits(CR, 24, 1):
            into, vco, _ = self.source()
            assert self.bits(CR, {1: 1, 2: 10}[self.bits(PLLCFGR, 0, 2)], 1), "the PLL's source is not ready"
            self.limit("the PLL's input", into, *((2.66e6, 8e6) if self.plus else (4e6, 16e6)))
            self.limit("the VCO", vco, 64e6, 344e6)
        hclk = self.hclk()
        assert self.bits(PWR, 9, 2) == 1, "voltage range 1"
        boost = self.plus and not self.bits(PWR + 0x80, 8, 1)
        self.limit("SYSCLK", self.sysclk(), 0, 120e6 if boost else 80e6)
        assert self.settled or hclk <= 80e6, "AHB at full speed before a microsecond has passed"
        per = 20e6 if self.plus else 16e6
        self.limit("flash", hclk, 0, per * (1 + self.bits(ACR, 0, 4)))

    def tree(self) -> Tree:
        low = 11 if 0x40010000 <= self.uart < 0x40020000 else 8
        assert self.bits(CCIPR, self.uart_select, 2) == 0
        return Tree(self.hclk(), self.hclk() / prescaler(self.bits(CFGR, low, 3), 4, APB))

    def check_uart(self, pins: Pins) -> None:
        super().check_uart(pins)
        if pins.port == 6:
            assert self.bits(PWR + 4, 9, 1), "port G has no supply (PWR_CR2.IOSV)"
