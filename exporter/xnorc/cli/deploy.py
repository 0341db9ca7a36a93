# SPDX-License-Identifier: Apache-2.0
"""`xnorc deploy`: build, flash, verify, boot, measure, report: a program on a board on the desk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import (
    BaudRate,
    BoardName,
    By,
    Data,
    Limit,
    Port,
    ProgramDir,
    Unprotect,
    held_out,
    results_folder,
)
from xnorc.cli.output import JSON, heard, progress_console
from xnorc.cli.place import Group, Place
from xnorc.errors import DataError, ToolError

PLACE = Place(Group.PROGRAM, 6)


def command(
    program_dir: ProgramDir,
    board: BoardName,
    port: Port = None,
    data: Data = None,
    baud: BaudRate = None,
    limit: Limit = None,
    by: By = None,
    unprotect: Unprotect = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the report (default: PROGRAM/report/BOARD).")
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Build, flash, verify, boot and measure a program on a board; accuracy, memory, cycles and a report page.

    The image on the board is read back, and the board's own CRC-32 of it is compared, before anything is measured.
    Exit code 1 if a logit of the device or of the host differs from the integer program.

    [bold]Example[/bold]: xnorc deploy zoo:digits --board nucleo_f446re --port /dev/ttyACM0 --data digits
    """
    from xnorc.boards import at_baud
    from xnorc.boards import load as load_board
    from xnorc.build import build_firmware
    from xnorc.cli.flashing import flash_live
    from xnorc.cli.measuring import agrees, finish, measure_live
    from xnorc.deploy import prove
    from xnorc.flash import flasher_of, read_image
    from xnorc.program import load
    from xnorc.targets.port import ports
    from xnorc.targets.serial import Serial

    where = at_baud(load_board(board), baud)  # built at that rate, and spoken to at it
    flasher_of(where, by)
    if port is None:
        raise ToolError("--port", "is missing: where is the board?", ports())
    if data is None:
        raise DataError("--data", "is missing", "an .npz with x and y, or digits, mnist:FILE, cifar10:FILE, a folder")
    program, samples = load(program_dir), held_out(data).take(slice(limit))
    folder = out or results_folder(program_dir) / "report" / where.name
    firmware = build_firmware(program, where, folder / where.name)
    progress_console.print(f"built: {firmware.image.flash:,} bytes of flash, {firmware.image.ram:,} of RAM")
    flash_live(read_image(firmware.image.elf, where.memory.flash), where, port, None, unprotect, by)
    target = Serial(where, port)
    info = prove(program, target, firmware, heard)
    progress_console.print(f"booted: {program.name} ({info.digest.hex()}), the image that was built")
    report = measure_live(program, samples, target, folder, data, None)
    finish(report, folder, as_json)
    if not agrees(report):
        raise typer.Exit(1)
