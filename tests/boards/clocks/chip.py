# SPDX-License-Identifier: Apache-2.0
"""What all chips share: registers with their reset values, steps on them, ready bits that follow enable bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from xnorc.boards import Write


@dataclass(frozen=True)
class Tree:
    """The clocks that the registers give, in Hz; `uart` is what the UART's divider divides."""

    core: float
    uart: float


@dataclass(frozen=True)
class Pins:
    """The two pins of the UART: port (A is 0), numbers, and the alternate function that the data sheet gives them."""

    port: int
    tx: int
    rx: int
    function: int


class Chip(ABC):
    """A chip after reset.

    `ready`: (register, enable bits, register, ready bits), what follows what. `frozen`: (register, bits that must not
    change while these bits of that register are set).
    """

    ready: tuple[tuple[int, int, int, int], ...] = ()
    frozen: tuple[tuple[int, int, int, int], ...] = ()

    def __init__(self, reset: dict[int, int]) -> None:
        self.registers = dict(reset)
        self.written: set[int] = set()

    def bits(self, address: int, low: int, count: int) -> int:
        return (self.registers.get(address, 0) >> low) & ((1 << count) - 1)

    def run(self, steps: Iterable[Write]) -> None:
        for number, step in enumerate(steps):
            self.step(step)
            self.follow()
            try:
                self.check()
            except AssertionError as error:
                raise AssertionError(
                    f"init[{number}] ({step.how} {step.value:#x} at {step.address:#x}): {error}"
                ) from None

    def step(self, step: Write) -> None:
        old = self.registers.get(step.address, 0)
        if step.how == "delay":
            return
        if step.how == "wait":
            assert old & step.value == step.value, f"waits for ever at {step.address:#x}"
            return
        if step.how == "wait_clear":
            assert old & step.value == 0, f"waits for ever at {step.address:#x}"
            return
        new = {"set": old | step.value, "clear": old & ~step.value, "write": step.value}[step.how] & 0xFFFFFFFF
        for address, changed, enable, on in self.frozen:
            if address == step.address and (old ^ new) & changed:
                assert not self.registers.get(enable, 0) & on, f"{address:#x} was changed while its PLL is on"
        needs = self.gate(step.address)
        if needs is not None:
            assert self.registers.get(needs[0], 0) >> needs[1] & 1, f"{step.address:#x} has no clock"
        self.registers[step.address] = new
        self.written.add(step.address)

    def follow(self) -> None:
        for register, on, there, bits in self.ready:
            old = self.registers.get(there, 0)
            full = self.registers.get(register, 0) & on == on
            self.registers[there] = old | bits if full else old & ~bits

    def gate(self, address: int) -> tuple[int, int] | None:
        """(register, bit) of the clock that the register at `address` needs."""
        del address
        return None

    @abstractmethod
    def check(self) -> None:
        """Every limit that holds at every moment."""

    @abstractmethod
    def tree(self) -> Tree:
        """The clocks now."""

    @abstractmethod
    def check_uart(self, pins: Pins) -> None:
        """The UART has its clock and its pins."""


def prescaler(code: int, first: int, steps: tuple[int, ...]) -> int:
    """A bus prescaler's code: 1 below `first`, then one of `steps`."""
    return 1 if code < first else steps[code - first]


AHB = (2, 4, 8, 16, 64, 128, 256, 512)
APB = (2, 4, 8, 16)


class Stm32(Chip):
    """GPIO (MODER, AFR), and where the enable bits are; `gpio` and `uart_at` are addresses."""

    gpio = 0
    gpio_enable = (0, 0)  # register, bit of port A

    def __init__(self, reset: dict[int, int], uart: int, uart_enable: tuple[int, int]) -> None:
        super().__init__(reset)
        self.uart, self.uart_enable = uart, uart_enable

    def gate(self, address: int) -> tuple[int, int] | None:
        if self.gpio <= address < self.gpio + 0x400 * 9:
            register, bit = self.gpio_enable
            return register, bit + (address - self.gpio) // 0x400
        return super().gate(address)

    def check_uart(self, pins: Pins) -> None:
        register, bit = self.uart_enable
        assert self.bits(register, bit, 1), "the UART has no clock"
        port = self.gpio + 0x400 * pins.port
        for pin in (pins.tx, pins.rx):
            assert self.bits(port, 2 * pin, 2) == 2, f"pin {pin} is not on an alternate function"
            assert self.bits(port + 0x20 + 4 * (pin // 8), 4 * (pin % 8), 4) == pins.function, f"pin {pin}: wrong AF"

    def limit(self, what: str, hz: float, low: float, high: float) -> None:
        assert low <= hz <= high, f"{what} is {hz / 1e6:g} MHz, not {low / 1e6:g} to {high / 1e6:g}"
