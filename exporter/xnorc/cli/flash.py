# SPDX-License-Identifier: Apache-2.0
"""`xnorc flash`: a program, or any firmware file, into a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import BaudRate, BoardName, By, Port, Unprotect, program_folder, results_folder
from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.PROGRAM, 5)


def command(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM|FILE",
            parser=program_folder,
            help="A program (its folder or zoo:NAME; it is built first), or a firmware: .elf, .hex or .bin.",
            show_default=False,
        ),
    ],
    board: BoardName,
    port: Port = None,
    baud: BaudRate = None,
    by: By = None,
    unprotect: Unprotect = False,
    as_json: bool = JSON,
) -> None:
    """Flash a program or a firmware file into a board, and prove by reading back that it is there.

    How a board is flashed, and what is to be pressed, its board file says.

    [bold]Examples[/bold]: xnorc flash zoo:digits --board nucleo_f446re --port /dev/ttyACM0
    xnorc flash firmware.elf --board netduinoplus2 --port /dev/ttyUSB0
    """
    from xnorc.boards import load as load_board
    from xnorc.build import build_firmware
    from xnorc.cli.flashing import flash_live
    from xnorc.flash import flasher_of, read_image
    from xnorc.program import load

    where = load_board(board)
    flasher_of(where, by)  # before a build: a board that cannot be flashed is said at once
    file = what
    if not what.is_file():
        file = build_firmware(load(what), where, results_folder(what) / where.name).image.elf
    image = read_image(file, where.memory.flash)
    proof = flash_live(image, where, port, baud, unprotect, by)
    if as_json:
        emit(
            {
                "board": where.name,
                "file": str(file),
                "bytes": image.size,
                "crc32": f"{image.crc32:08x}",
                "verified": proof or None,
            }
        )
        return
    told = f"verified: {proof}" if proof else "not verified: this way cannot read back"
    console.print(f"{where.name}: {image.size:,} bytes flashed, CRC-32 {image.crc32:08x}, {told}", soft_wrap=True)
