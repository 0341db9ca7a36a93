# SPDX-License-Identifier: Apache-2.0
"""`xnorc inspect`: what an exported program is, layer by layer, and what it needs on a board."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from xnorc.cli.arguments import ProgramDir
from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.PROGRAM, 1)


def command(
    program_dir: ProgramDir,
    board: Annotated[str | None, typer.Option("--board", "-b", help="Plan for this board.")] = None,
    dump: Annotated[bool, typer.Option("--dump", help="Print the integer program as text.")] = False,
    as_json: bool = JSON,
) -> None:
    """Show a program's layers, memory and notes; with --board, whether it fits.

    [bold]Example[/bold]: xnorc inspect build/digits/program --board microbit
    """
    from xnorc.boards import load as load_board
    from xnorc.plan import plan
    from xnorc.program import digest, load
    from xnorc.report.rows import layers

    program = load(program_dir)
    if dump and as_json:
        emit({"dump": program.dump()})
        return
    if dump:
        console.print(program.dump(), end="", soft_wrap=True)
        return
    planned = plan(program, load_board(board) if board else None)
    rows = [asdict(row) for row in layers(program, planned.steps)]
    for row in rows:
        del row["count"]  # nothing was run
    if as_json:
        emit(
            {
                "name": program.name,
                "digest": digest(program).hex(),
                "input": list(program.input.shape),
                "classes": program.logits.size,
                "board": board,
                "macs": planned.macs,
                "flash": planned.flash,
                "arena": planned.arena,
                "layers": rows,
                "notes": list(program.notes),
            }
        )
    else:
        _table(program.name, rows, planned.flash, planned.arena)
        for note in program.notes:
            console.print(f"note: {note}")
    planned.check()


def _table(name: str, layers: list[dict[str, Any]], flash: int, arena: int) -> None:
    from rich.table import Table

    table = Table(title=name, title_justify="left", box=None, pad_edge=False)
    for heading in ("layer", "op", "kernel", "output"):
        table.add_column(heading)
    for heading in ("MACs", "flash B", "RAM B"):
        table.add_column(heading, justify="right")
    for row in layers:
        shape = "x".join(map(str, row["shape"])) + " " + row["kind"]
        table.add_row(
            row["name"], row["op"], row["kernel"], shape, f"{row['macs']:,}", f"{row['flash']:,}", f"{row['ram']:,}"
        )
    console.print(table)
    macs = sum(row["macs"] for row in layers)
    console.print(f"total: {macs:,} MACs, {flash:,} B of flash for the model, an arena of {arena:,} B of RAM")
