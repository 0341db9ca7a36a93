# SPDX-License-Identifier: Apache-2.0
"""`xnorc mlperf`: MLPerf Tiny's accuracy and performance runs, by a small player in place of its runner."""

from __future__ import annotations

from pathlib import Path
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
    results_folder,
    samples_for,
    target_of,
)
from xnorc.cli.output import JSON, console, emit, progress_console
from xnorc.cli.place import Group, Place
from xnorc.errors import DataError

PLACE = Place(Group.PROGRAM, 8)


def command(
    program_dir: ProgramDir,
    task_name: Annotated[str, typer.Option("--task", help="ic01, kws01 or vww01.")] = "ic01",
    performance: Annotated[bool, typer.Option("--performance", help="Time five loops; else accuracy.")] = False,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1000000, help="Inferences in a loop.")] = 20,
    warmups: Annotated[int, typer.Option("--warmups", min=0, max=1000000, help="Untimed ones before.")] = 5,
    board: BoardName = "mps2_an386",
    emulator: Emulator = None,
    port: Port = None,
    baud: BaudRate = None,
    data: Data = None,
    limit: Limit = 200,
    files: Annotated[
        Path | None, typer.Option("--files", help="Only write the images as the open runner's files, into this folder.")
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Run MLPerf Tiny's text protocol against the host, an emulator or a board that was flashed with --mlperf.

    [bold]Examples[/bold]: xnorc mlperf zoo:cifar10 --data cifar10:cifar-10.npz
    xnorc mlperf zoo:cifar10 --performance --board nucleo_l4r5zi --port /dev/ttyACM0
    """
    from xnorc.build import build_firmware, build_host
    from xnorc.mlperf import measuring, task
    from xnorc.mlperf.player import Player
    from xnorc.mlperf.truth import write_truth
    from xnorc.program import load

    program, wanted = load(program_dir), task(task_name)
    wanted.check(program)
    target = target_of(emulator, port, board, baud)
    x, y = samples_for(program, data, limit)
    if y is None and (files is not None or not performance):
        raise DataError("--data", "is missing: accuracy needs images with labels", "--data, or --performance")
    if files is not None:
        assert y is not None
        console.print(str(write_truth(x, y.tolist(), wanted, files)))
        return
    out = results_folder(program_dir) / f"{target.name}-{wanted.name}"
    if target.board is None:
        _, image = build_host(program, out, task=wanted)
    else:
        image = build_firmware(program, target.board, out, wanted).image.elf
    told: dict[str, Any]
    stream = target.open(image)
    try:
        player = Player(stream, wanted, target.name)
        who = player.connect()
        if performance:
            timed = measuring.performance(player, x, runs, warmups)
            told = {"loops_us": timed.microseconds, "runs": runs, "per_second": timed.throughput, "valid": timed.valid}
        else:
            assert y is not None
            with progress_console.status("") as line:
                labelled = measuring.accuracy(
                    player, x, y.tolist(), lambda done, right: line.update(f"{done} of {len(x)}, {right} right")
                )
            told = {"accuracy": labelled.share, "correct": labelled.correct, "of": len(x), "labels": labelled.labels}
    finally:
        stream.close()
    # The device's clock is no clock on an emulator: its ticks are instructions.
    real = not target.emulated
    if as_json:
        emit({"device": who, "task": wanted.name, "target": target.kind, "time_is_real": real, **told})
    elif performance:
        console.print(f"{who}: {runs} inferences a loop, laps {', '.join(map(str, timed.microseconds))} us")
        console.print(f"median {timed.throughput:.3f} a second" + ("" if real else NO_TIME))
        if real and not timed.valid:
            console.print("not valid: the rules want ten seconds a loop; give more --runs")
    else:
        console.print(f"{who}: {labelled.correct} of {len(x)} right, {100 * labelled.share:.2f} %")


NO_TIME = " of the emulator's clock: instructions, not time"
