# SPDX-License-Identifier: Apache-2.0
"""`xnorc report`: accuracy and cost of a program on a board, over the wire; tables, report.json and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import (
    BaudRate,
    BoardName,
    Data,
    Emulator,
    Limit,
    Port,
    ProgramDir,
    StartTimeout,
    held_out,
    results_folder,
    target_of,
)
from xnorc.cli.output import JSON, console, progress_console
from xnorc.cli.place import Group, Place
from xnorc.errors import DataError

PLACE = Place(Group.PROGRAM, 4)


def command(
    program_dir: ProgramDir,
    data: Data = None,
    board: BoardName = "mps2_an386",
    emulator: Emulator = None,
    port: Port = None,
    baud: BaudRate = None,
    start_timeout: StartTimeout = None,
    limit: Limit = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the report (default: PROGRAM/report/BOARD).")
    ] = None,
    current: Annotated[
        float | None,
        typer.Option("--current-ma", min=0.0, help="mA that the board takes while it runs.", show_default=False),
    ] = None,
    volts: Annotated[
        float | None, typer.Option("--volts", min=0.0, help="Its supply: energy is computed.", show_default=False)
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="An earlier report.json of the same samples: what changed.", show_default=False),
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Stream labelled samples to a program and report accuracy, memory and instructions (or cycles) per layer.

    Exit code 1 if a logit of the device or of the host differs from the integer program.

    [bold]Examples[/bold]: xnorc report build/digits/program --data digits --board microbit
    xnorc report build/digits/program --data digits --board stm32f4_discovery --port /dev/ttyUSB0
    """
    from xnorc.cli.measuring import agrees, finish, measure_live
    from xnorc.program import load
    from xnorc.report.against import compare, read_document
    from xnorc.report.json_report import document

    if data is None:
        raise DataError("--data", "is missing", "an .npz with x and y, or digits, mnist:FILE, cifar10:FILE, a folder")
    if (current is None) != (volts is None):
        raise DataError("--current-ma", "and --volts go together", "energy is current times voltage times time")
    power = None if current is None or volts is None else current * volts
    earlier = None if against is None else read_document(against)
    program, samples = load(program_dir), held_out(data)
    samples = samples.take(slice(limit))
    target = target_of(emulator, port, board, baud, start_timeout)
    if power is not None and target.unit != "cycles":
        raise DataError("--current-ma", f"{target.kind} has no time to compute energy from", "give --port of a board")
    folder = out or results_folder(program_dir) / "report" / target.name
    report = measure_live(program, samples, target, folder, data, None, power)
    finish(report, folder, as_json)
    if earlier is not None:
        for line in compare(earlier, document(report), str(against)).lines:
            (progress_console if as_json else console).print(line, soft_wrap=True)
    if not agrees(report):
        raise typer.Exit(1)
