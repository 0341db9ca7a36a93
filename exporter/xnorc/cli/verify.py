# SPDX-License-Identifier: Apache-2.0
"""`xnorc verify`: how far the integer program is from PyTorch, layer by layer, on the user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xnorc.cli.arguments import Data, Limit, program_folder, samples_for
from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place
from xnorc.cli.wanted import Wanted, takes_model

PLACE = Place(Group.NETWORK, 3)

if TYPE_CHECKING:
    from xnorc.oracle.compare import Comparison


@takes_model
def command(
    wanted: Wanted,
    program_dir: Annotated[
        Path | None,
        typer.Option(
            "--program",
            parser=program_folder,
            help="Also check that this folder (or zoo:NAME) holds exactly this program.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", help="What `export --data` was given, if not the same.", show_default=False),
    ] = None,
    limit: Limit = 200,
    as_json: bool = JSON,
) -> None:
    """Compare with PyTorch: labels and logits with the network as you gave it, every tensor with the captured graph.

    Lowers the model with the options of `export` and runs both on --data (or on random images). Where a network
    without rounding differs, it is compared again with the sums that PyTorch rounds in float32 made exact: what then
    vanishes was PyTorch's rounding, what stays is a fault (exit code 3). Exit code 1 if --program holds another
    program.

    [bold]Example[/bold]: xnorc verify build/digits/model.pt2 --data digits --program build/digits/program
    """
    from xnorc.cli.models import isolated, lower_model, steps
    from xnorc.extras import need

    need("export", "xnorc verify")
    if isolated():
        return
    from xnorc.cli.arguments import calibration as read
    from xnorc.oracle.compare import compare
    from xnorc.oracle.judge import fault
    from xnorc.program import digest, load

    lowered = lower_model(wanted, read(calibration or data))
    same = None if program_dir is None else digest(load(program_dir)) == digest(lowered.program)
    x, y = samples_for(lowered.program, data, limit)
    with steps() as say:
        say(f"comparing on {len(x)} images")
        found = compare(lowered, x, y)
        differs = found.fault is not None or (lowered.exact and not found.agrees)
        exact = compare(lowered, x, y, exact_sums=True) if differs else None
    if as_json:
        emit({"same_program": same, **found.document(), "exact_sums": exact and exact.document()})
    else:
        _show(found)
        if exact is not None:
            _explain(found, exact)
        if same is not None:
            console.print(
                f"{program_dir} holds {'this very program' if same else 'another program'}",
                style=None if same else "red",
            )
    if exact is not None and (exact.fault is not None or (lowered.exact and not exact.agrees)):
        raise fault(lowered, exact)
    if same is False:
        raise typer.Exit(1)


def _explain(found: Comparison, exact: Comparison) -> None:
    console.print(
        f"with PyTorch's own sums exact instead of rounded to float32: {exact.differing_bits:,} bits differ; "
        f"{exact.same_labels} labels are the same"
    )
    if exact.agrees:
        console.print(
            "so each difference is a sum that lies on a threshold but for float32's rounding, whose order changes "
            "with the batch; the program has the exact sum's bit"
        )


def _show(found: Comparison) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("layer", "tensor", "kind"):
        table.add_column(heading, overflow="fold")
    differ = ("differ, each layer fed PyTorch's values", "differ, running freely")
    for heading in ("elements", *differ, "rms error", "clipped"):
        table.add_column(heading, justify="right")
    for row in found.rows:
        error = "" if row.free_error is None else f"{100 * row.free_error:.2g} %"
        clipped = f"{row.clipped:,}" if row.kind != "bit" else ""
        counts = (f"{row.elements:,}", f"{row.forced:,}", f"{row.free:,}")
        table.add_row(row.layer, row.tensor, row.kind, *counts, error, clipped)
    console.print(table)
    if any(row.kind != "bit" for row in found.rows):
        console.print(
            "rows that are not bits count numbers that are off by more than one unit, and give the error of running "
            "freely; they are rounded by design"
        )
    console.print(
        f"{found.images} images: {found.differing_bits:,} bits differ; {found.same_labels} labels are those of the "
        f"network itself; the logits are within {100 * found.logits_error:.2g} % of the greatest and correlate by "
        f"{found.correlation:.6f}"
    )
    if found.same_capture is not None:
        ways = f" (moved by {', '.join(found.moved)})" if found.moved else ""
        console.print(
            f"the captured graph's logits equal the network's in every bit on {found.same_capture} of {found.images} "
            f"images{ways}"
        )
    if found.float_correct is not None and found.integer_correct is not None:
        share = 100 / found.images
        console.print(
            f"top-1: PyTorch {found.float_correct * share:.2f} %, integer program {found.integer_correct * share:.2f} %"
        )
