# SPDX-License-Identifier: Apache-2.0
"""A `Board` -> the text files that its firmware and its emulator need.

board.h and linker.ld for the compiler; for Renode board.resc (the machine with its firmware) and run.resc (that, with
its UART on a socket, running).
"""

from __future__ import annotations

from xnorc.boards import Board, Write
from xnorc.render.templates import render

STEP = {  # [[init]] step -> C, on a 32-bit register
    "set": "{register} |= {value};",
    "clear": "{register} &= ~{value};",
    "write": "{register} = {value};",
    "wait": "while (({register} & {value}) != {value}) {{}}",
    "wait_clear": "while (({register} & {value}) != 0u) {{}}",
    "delay": "for (volatile uint32_t turns = {value}; turns != 0u; turns--) {{}}",
}


def render_board(board: Board) -> dict[str, str]:
    """File name -> text: `board.h` and `linker.ld`, and `board.resc` and `run.resc` where Renode has the board.

    Equal boards give equal bytes: no path, no date, no order that depends on the machine.
    """
    memory, uart = board.memory, board.uart
    facts: dict[str, object] = {
        "name": board.name,
        "title": board.title,
        "clock_hz": board.clock.hz,
        "caches": board.core in ("cortex-m7", "cortex-m55"),
        "uart_base": address(uart.base),
        "uart_baud": uart.baud,
        "uart_hz": uart.hz,
        "steps": [step(write) for write in board.init],
        "flash_origin": address(memory.flash.origin),
        "flash_length": address(memory.flash.length),
        "ram_origin": address(memory.ram.origin),
        "ram_length": address(memory.ram.length),
        "stack": memory.stack,
        "bootloader": address(board.flash.bootloader) if board.flash and board.flash.bootloader else "",
    }
    if board.renode is not None:
        facts |= {
            "platform": board.renode.platform,
            "uart": board.renode.uart,
            "mips": board.renode.hz // 10**6,
            "hz": board.renode.hz,
            "vectors": address(memory.flash.origin),
        }
    files = ["board.h", "linker.ld"] + (["board.resc", "run.resc"] if board.renode is not None else [])
    return {file: render(f"{file}.j2", **facts) for file in files}


def step(write: Write) -> str:
    register = f"(*(volatile uint32_t *){address(write.address)}u)"
    return STEP[write.how].format(register=register, value=f"{address(write.value)}u")


def address(value: int) -> str:
    return f"0x{value:08x}"
