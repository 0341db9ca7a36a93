# SPDX-License-Identifier: Apache-2.0
"""Small test programs, built once a session for a board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.boards import Board
from xnorc.build import build_image
from xnorc.toolchain import Image

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def built(need: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Board, str], Image]:
    """built(board, "echo"): the image of tests/boards/echo.c for that board; ends QEMU by semihosting."""
    done: dict[tuple[str, str], Image] = {}

    def build_once(board: Board, program: str) -> Image:
        need("arm-none-eabi-gcc")
        if (board.name, program) not in done:
            out = tmp_path_factory.mktemp(f"{board.name}_{program}")
            defines: dict[str, str | int] = {"PORT_SEMIHOSTING": 1, "BAD_ADDRESS": f"{bad_address(board):#x}u"}
            done[board.name, program] = build_image(board, [HERE / f"{program}.c"], out, defines=defines)
        return done[board.name, program]

    return build_once


def bad_address(board: Board) -> int:
    """Where a store faults: below RAM, except that the MPS2 machines with code at 0 have something there."""
    mps2 = board.qemu is not None and board.qemu.machine.startswith("mps2-")
    return 0xFFFFFFF0 if mps2 and board.memory.flash.origin == 0 else board.memory.ram.origin - 0x100
