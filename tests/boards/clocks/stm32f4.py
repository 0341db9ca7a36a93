# SPDX-License-Identifier: Apache-2.0
"""STM32F2, F4 and F7, whose clock trees have one layout (RM0033, RM0090, RM0368, RM0390, RM0385: RCC, PWR, FLASH)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.boards.clocks.chip import AHB, APB, Stm32, Tree, prescaler

RCC, ACR, PWR = 0x40023800, 0x40023C00, 0x40007000
CR, PLLCFGR, CFGR, APB1ENR = RCC, RCC + 4, RCC + 8, RCC + 0x40


@dataclass(frozen=True)
class Limits:
    """Of one chip, in Hz: the core by voltage scale (without and with over-drive), the buses, the PLL's VCO."""

    core: dict[int, tuple[float, float]]
    apb1: float
    apb2: float
    vco: tuple[float, float] = (100e6, 432e6)
    wait_state: float = 30e6  # HCLK that each more wait state allows, at 2.7 to 3.6 V
    reset_vos: int = 3


F405 = Limits({1: (168e6, 168e6), 0: (144e6, 144e6)}, 42e6, 84e6, reset_vos=1)
F401 = Limits({2: (84e6, 84e6), 1: (60e6, 60e6)}, 42e6, 84e6, vco=(192e6, 432e6), reset_vos=2)
F446 = Limits({3: (168e6, 180e6), 2: (144e6, 168e6), 1: (120e6, 120e6)}, 45e6, 90e6)
F746 = Limits({3: (180e6, 216e6), 2: (168e6, 180e6), 1: (144e6, 144e6)}, 54e6, 108e6)


class Stm32F4(Stm32):
    gpio = 0x40020000
    gpio_enable = (RCC + 0x30, 0)
    ready = (
        (CR, 1, CR, 2),
        (CR, 1 << 16, CR, 1 << 17),
        (CR, 1 << 24, CR, 1 << 25),
        (CFGR, 1, CFGR, 4),
        (CFGR, 2, CFGR, 8),
        (PWR, 1 << 16, PWR + 4, 1 << 16),
        (PWR, 3 << 16, PWR + 4, 1 << 17),
    )
    frozen = ((PLLCFGR, 0x7F437FFF, CR, 1 << 24), (PWR, 0xC000, CR, 1 << 24), (CR, 1 << 18, CR, 1 << 16))

    def __init__(self, limits: Limits, hse: float, uart: int, uart_enable: tuple[int, int]) -> None:
        reset = {CR: 0x83, PLLCFGR: 0x24003010, CFGR: 0, ACR: 0, PWR: limits.reset_vos << 14}
        super().__init__(reset, uart, uart_enable)
        self.limits, self.hse = limits, hse

    def gate(self, address: int) -> tuple[int, int] | None:
        return (APB1ENR, 28) if address in (PWR, PWR + 4) else super().gate(address)

    def source(self) -> tuple[float, float, float]:
        """(PLL's input, VCO, output) in Hz."""
        base = self.hse if self.bits(PLLCFGR, 22, 1) else 16e6
        into = base / max(1, self.bits(PLLCFGR, 0, 6))
        vco = into * self.bits(PLLCFGR, 6, 9)
        return into, vco, vco / (2 + 2 * self.bits(PLLCFGR, 16, 2))

    def sysclk(self) -> float:
        kind = self.bits(CFGR, 0, 2)
        assert kind != 3
        assert self.bits(CR, {0: 1, 1: 17, 2: 25}[kind], 1), "the core's clock source is not ready"
        return (16e6, self.hse, self.source()[2])[kind]

    def buses(self) -> tuple[float, float, float]:
        hclk = self.sysclk() / prescaler(self.bits(CFGR, 4, 4), 8, AHB)
        apb1, apb2 = (hclk / prescaler(self.bits(CFGR, low, 3), 4, APB) for low in (10, 13))
        return hclk, apb1, apb2

    def check(self) -> None:
        if self.bits(CR, 24, 1):
            into, vco, _ = self.source()
            assert not self.bits(PLLCFGR, 22, 1) or self.bits(CR, 17, 1), "the PLL's source is not ready"
            self.limit("the PLL's input", into, 1e6, 2e6)
            self.limit("the VCO", vco, *self.limits.vco)
            assert self.bits(PLLCFGR, 24, 4) >= 2
        hclk, apb1, apb2 = self.buses()
        plain, over = self.limits.core[self.bits(PWR, 14, 2)]
        self.limit("the core", hclk, 0, over if self.bits(PWR + 4, 17, 1) else plain)
        self.limit("APB1", apb1, 0, self.limits.apb1)
        self.limit("APB2", apb2, 0, self.limits.apb2)
        self.limit("flash", hclk, 0, self.limits.wait_state * (1 + self.bits(ACR, 0, 4)))

    def tree(self) -> Tree:
        hclk, apb1, apb2 = self.buses()
        return Tree(hclk, apb2 if self.uart >= 0x40010000 else apb1)
