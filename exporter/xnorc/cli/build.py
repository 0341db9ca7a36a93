# SPDX-License-Identifier: Apache-2.0
"""`xnorc build`: firmware for a board, with its exact sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import BaudRate, BoardName, Mlperf, ProgramDir, results_folder
from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.PROGRAM, 2)


def command(
    program_dir: ProgramDir,
    board: BoardName = "mps2_an386",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Build folder (default: PROGRAM/BOARD).")] = None,
    mlperf: Mlperf = None,
    baud: BaudRate = None,
    as_json: bool = JSON,
) -> None:
    """Build the device application with this program in it; refuses what does not fit.

    [bold]Example[/bold]: xnorc build build/digits/program --board microbit
    """
    from xnorc.boards import at_baud
    from xnorc.boards import load as load_board
    from xnorc.build import build_firmware
    from xnorc.mlperf import task
    from xnorc.program import load

    program, where = load(program_dir), at_baud(load_board(board), baud)
    wanted = None if mlperf is None else task(mlperf)
    folder = results_folder(program_dir) / (where.name if wanted is None else f"{where.name}-{wanted.name}")
    built = build_firmware(program, where, out or folder, wanted)
    image, memory = built.image, where.memory
    if as_json:
        emit(
            {
                "board": where.name,
                "elf": str(image.elf),
                "bin": str(image.binary),
                "flash": {
                    "used": image.flash,
                    "of": memory.flash.length,
                    "model": built.plan.flash,
                    "code": built.code,
                },
                "ram": {
                    "used": image.ram,
                    "of": memory.ram.length,
                    "arena": built.plan.arena,
                    "data": built.data,
                    "stack": image.stack,
                    "stack_needed": built.stack.bytes,
                },
            }
        )
        return
    console.print(f"{image.elf}")
    console.print(
        f"flash {image.flash:,} of {memory.flash.length:,} B ({_percent(image.flash, memory.flash.length)}): "
        f"model {built.plan.flash:,}, code {built.code:,}"
    )
    console.print(
        f"RAM   {image.ram:,} of {memory.ram.length:,} B ({_percent(image.ram, memory.ram.length)}): "
        f"arena {built.plan.arena:,}, data {built.data:,}, stack {image.stack:,} reserved, {built.stack.bytes:,} needed"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
