# SPDX-License-Identifier: Apache-2.0
"""`xnorc export`: a PyTorch network -> an integer program and its C header."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.cli.arguments import (
    Data,
    Mean,
    Model,
    Name,
    Percentile,
    Shape,
    State,
    StaticCollapsed,
    Std,
    Tie,
    WeightBits,
)
from xnorc.cli.output import JSON, console, emit


def command(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the program.", show_default=False)],
    state: State = None,
    shape: Shape = None,
    data: Data = None,
    mean: Mean = None,
    std: Std = None,
    tie: Tie = None,
    percentile: Percentile = 100.0,
    name: Name = None,
    weight_bits: WeightBits = None,
    static_collapsed: StaticCollapsed = False,
    as_json: bool = JSON,
) -> None:
    """Export a network: program.json, constants.npz, model.h and export.json, all at once or not at all.

    --data calibrates real-valued paths (residual streams) and may carry mean and std; a purely binary network
    needs none.

    [bold]Examples[/bold]: xnorc export build/digits/model.pt2 --out build/digits/program
    xnorc export mynet:build --state best.pt --data cifar_train.npz --out build/mynet
    """
    from xnorc.cli.models import Wanted, isolated, lower_model
    from xnorc.extras import need

    need("export", "xnorc export")
    if isolated():
        return
    from xnorc.cli.arguments import calibration
    from xnorc.lower.export import document, write

    wanted = Wanted(model, state, shape, mean, std, tie, percentile, name, weight_bits, static_collapsed)
    lowered = lower_model(wanted, calibration(data))
    write(lowered, out)
    if as_json:
        emit({"folder": str(out), **document(lowered)})
        return
    for node in lowered.program.dump().splitlines()[1:-1]:
        console.print(node, markup=False, soft_wrap=True)
    for note in lowered.program.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    console.print(f"written to {out}")
