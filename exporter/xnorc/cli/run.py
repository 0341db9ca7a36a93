# SPDX-License-Identifier: Apache-2.0
"""`xnorc run`: boot a program somewhere, send it samples, print what it answers."""

from __future__ import annotations

from typing import Annotated, Any

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
    results_folder,
    samples_for,
    target_of,
)
from xnorc.cli.output import JSON, console, emit, heard
from xnorc.cli.place import Group, Place

PLACE = Place(Group.PROGRAM, 3)


def command(
    program_dir: ProgramDir,
    board: BoardName = "mps2_an386",
    emulator: Emulator = None,
    port: Port = None,
    baud: BaudRate = None,
    start_timeout: StartTimeout = None,
    data: Data = None,
    limit: Limit = 10,
    check: Annotated[bool, typer.Option("--check", help="Compare every tensor with the integer program.")] = False,
    as_json: bool = JSON,
) -> None:
    """Send samples to a program on the host, an emulator or a board; print label, truth, logits and instructions.

    Without --data the samples are random images.  Exit code 1 if --check finds a differing bit.

    [bold]Examples[/bold]: xnorc run build/digits/program --data digits --check
    xnorc run build/digits/program --board stm32f4_discovery --port /dev/ttyUSB0 --data digits
    """
    from xnorc.deploy import running
    from xnorc.link.session import Sample, Verify, stream_samples
    from xnorc.program import load

    program = load(program_dir)
    target = target_of(emulator, port, board, baud, start_timeout)
    x, y = samples_for(program, data, limit)
    rows: list[dict[str, Any]] = []

    def show(sample: Sample) -> None:
        count = target.count(sample.ticks)
        truth = sample.truth if sample.truth >= 0 else None
        rows.append({"label": sample.label, "truth": truth, "logits": sample.logits.tolist(), "count": count})
        if not as_json:
            told = "" if truth is None else f"  truth {truth}" + ("" if truth == sample.label else "  wrong")
            work = "" if count is None else f"  {count:,} {target.unit}"
            console.print(f"sample {sample.index}: label {sample.label}{told}{work}  logits {sample.logits.tolist()}")

    build_folder = results_folder(program_dir) / target.name
    with running(program, target, build_folder, on_text=heard) as device:
        result = stream_samples(device.client, x, y, program, Verify.TENSORS if check else Verify.NONE, show)
    if as_json:
        board_name = None if target.board is None else target.board.name
        head = {"target": target.kind, "board": board_name, "unit": target.unit}
        emit({**head, "accuracy": result.accuracy, "samples": rows})
    elif check:
        told = f"every tensor of {len(x)} samples equals the integer program, bit for bit"
        console.print(told, style="green")
