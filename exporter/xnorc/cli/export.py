# SPDX-License-Identifier: Apache-2.0
"""`xnorc export`: a PyTorch network -> an integer program and its C header."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import Data
from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place
from xnorc.cli.wanted import Wanted, takes_model

PLACE = Place(Group.NETWORK, 2)


@takes_model
def command(
    wanted: Wanted,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the program.", show_default=False)],
    data: Data = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            help="Write the graph and the program after every pass to this folder, to read and to diff; also where "
            "the export fails.",
            show_default=False,
        ),
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Export a network: program.json, constants.npz, model.h and export.json, all at once or not at all.

    --data calibrates real-valued paths (residual streams) and may carry mean and std; a purely binary network
    needs none. Before anything is written the program is compared with the network itself, on these and on awkward
    images; if they differ, it is a fault of xnorc and exit code 3.

    [bold]Examples[/bold]: xnorc export build/digits/model.pt2 --out build/digits/program
    xnorc export mynet:build --state best.pt --data cifar_train.npz --out build/mynet
    """
    from xnorc.cli.models import export_model, isolated
    from xnorc.extras import need

    need("export", "xnorc export")
    if isolated():
        return
    from xnorc.cli.arguments import calibration
    from xnorc.explaining import Stages
    from xnorc.exporting import document, write

    exported = export_model(wanted, calibration(data), Stages(explain))
    write(exported, out)
    if as_json:
        emit({"folder": str(out), **document(exported), "seconds": exported.verdict.seconds})
        return
    program = exported.lowered.program
    for node in program.dump().splitlines()[1:-1]:
        console.print(node, soft_wrap=True)
    for note in (*program.notes, *exported.verdict.warnings):
        console.print(f"note: {note}", soft_wrap=True)
    console.print(str(exported.verdict), soft_wrap=True)
    console.print(f"written to {out}")
