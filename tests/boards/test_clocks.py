# SPDX-License-Identifier: Apache-2.0
"""The `[[init]]` steps of every real board, run against a model of its chip, give the clocks that the file states.

What a board has to come to is typed here from data sheets and manuals, and once more in the models (`clocks/`): never
read from the board file that is judged.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.boards.clocks import Chip, Nrf52, Pins, Stm32F0, Stm32F4, Stm32G0, Stm32H7, Stm32L4
from tests.boards.clocks.stm32f4 import F401, F405, F446, F746
from xnorc.boards import Board, Write, all_boards, load

A, D, G = 0, 3, 6
F4_APB1, F4_APB2 = 0x40023840, 0x40023844

# Board -> its chip (crystal, UART, the UART's clock enable); the pins; the core's full speed in Hz.
CHIPS: dict[str, tuple[Callable[[], Chip], Pins, float]] = {
    "nucleo_f446re": (lambda: Stm32F4(F446, 8e6, 0x40004400, (F4_APB1, 17)), Pins(A, 2, 3, 7), 180e6),
    "nucleo_f401re": (lambda: Stm32F4(F401, 8e6, 0x40004400, (F4_APB1, 17)), Pins(A, 2, 3, 7), 84e6),
    "nucleo_f746zg": (lambda: Stm32F4(F746, 8e6, 0x40004800, (F4_APB1, 18)), Pins(D, 8, 9, 7), 216e6),
    "nucleo_h743zi": (lambda: Stm32H7(8e6, 0x40004800, (0x580244E8, 18)), Pins(D, 8, 9, 7), 400e6),
    "nucleo_l476rg": (lambda: Stm32L4(0x40004400, (0x40021058, 17), 2, plus=False), Pins(A, 2, 3, 7), 80e6),
    "nucleo_l4r5zi": (lambda: Stm32L4(0x40008000, (0x4002105C, 0), 10, plus=True), Pins(G, 7, 8, 8), 120e6),
    "nucleo_g0b1re": (lambda: Stm32G0(0x40004400, (0x4002103C, 17), 2), Pins(A, 2, 3, 1), 64e6),
    "stm32f072b_disco": (lambda: Stm32F0(0x40013800, (0x40021018, 14), 0), Pins(A, 9, 10, 1), 48e6),
    "nrf52840dk": (Nrf52, Pins(0, 6, 8, 0), 64e6),
    # As reset leaves them: QEMU and Renode have no PLL there to wait for.
    "netduinoplus2": (lambda: Stm32F4(F405, 0, 0x40011000, (F4_APB2, 4)), Pins(A, 9, 10, 7), 16e6),
    "netduino2": (lambda: Stm32F4(F405, 0, 0x40011000, (F4_APB2, 4)), Pins(A, 9, 10, 7), 16e6),
    "stm32f4_discovery": (lambda: Stm32F4(F405, 0, 0x40004400, (F4_APB1, 17)), Pins(A, 2, 3, 7), 16e6),
}
# FPGA images without a clock to set up, and two older chips that run on their reset clock or are QEMU's alone.
WITHOUT = {"microbit", "stm32vldiscovery", "lm3s6965evb"}


def test_every_board_has_a_model_or_a_reason() -> None:
    boards = {board.name for board in all_boards() if not board.name.startswith("mps")}
    assert boards == set(CHIPS) | WITHOUT


@pytest.mark.parametrize("name", CHIPS)
def test_the_steps_give_full_speed_within_every_limit(name: str) -> None:
    make, pins, full = CHIPS[name]
    board, chip = load(name), make()
    for _ in range(2):  # a fault does the steps again
        chip.run(board.init)
        tree = chip.tree()
        assert tree.core == full == board.clock.hz
        assert tree.uart == board.uart.hz
        chip.check_uart(pins)


@pytest.mark.parametrize("name", [name for name in CHIPS if CHIPS[name][2] > 16e6 and name != "nrf52840dk"])
def test_the_steps_work_after_somebody_else_has_set_up_a_pll(name: str) -> None:
    """A ROM bootloader leaves the PLL on, and its flash wait states."""
    make, pins, full = CHIPS[name]
    board, chip = load(name), make()
    chip.run(board.init)
    registers = dict(chip.registers)
    again = make()
    again.registers.update(registers)
    again.run(board.init)
    assert again.tree().core == full
    again.check_uart(pins)


def broken(board: Board, step: Write, by: Write | None) -> tuple[Write, ...]:
    assert board.init.count(step) == 1
    return tuple(new for old in board.init for new in ((by if old == step else old),) if new is not None)


FAULTS = {
    "one wait state too few": (Write(0x40023C00, "set", 0x705), Write(0x40023C00, "set", 0x704), "flash is 180"),
    "no over-drive": (Write(0x40007000, "set", 1 << 17), None, "waits for ever"),
    "APB1 too fast": (Write(0x40023808, "set", 0x9400), Write(0x40023808, "set", 0x9000), "APB1 is 90"),
    "VCO too fast": (Write(0x40023804, "write", 0x28402D04), Write(0x40023804, "write", 0x28403D04), "the VCO is 488"),
    "no clock for PWR": (Write(0x40023840, "set", 1 << 28), None, "0x40007000 has no clock"),
    "no clock for GPIOA": (Write(0x40023830, "set", 1), None, "0x40020000 has no clock"),
    "no crystal": (Write(0x40023800, "set", 1 << 16), None, "waits for ever"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_notices_what_would_break_a_board(fault: str) -> None:
    board = load("nucleo_f446re")
    step, by, message = FAULTS[fault]
    with pytest.raises(AssertionError, match=message):
        CHIPS[board.name][0]().run(broken(board, step, by))


def test_the_model_of_the_l4_plus_notices_a_missing_microsecond() -> None:
    board = load("nucleo_l4r5zi")
    with pytest.raises(AssertionError, match="before a microsecond"):
        CHIPS[board.name][0]().run(broken(board, Write(0, "delay", 100), None))
