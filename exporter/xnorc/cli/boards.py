# SPDX-License-Identifier: Apache-2.0
"""`xnorc boards`: the boards that firmware can be built for."""

from __future__ import annotations

import dataclasses

from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.START, 3)


def command(as_json: bool = JSON) -> None:
    """List the boards: core, memory, and where each can run.

    A board is one TOML file; `--board` also takes the path of your own.

    [bold]Example[/bold]: xnorc boards
    """
    from xnorc.boards import all_boards
    from xnorc.targets import emulators

    boards = all_boards()
    if as_json:
        emit([dataclasses.asdict(board) for board in boards])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("board", "core"):
        table.add_column(heading, no_wrap=True)
    for heading in ("flash", "RAM", "clock"):
        table.add_column(heading, justify="right")
    for heading in ("emulators", "what it is"):
        table.add_column(heading)
    for b in boards:
        emulated = ", ".join(emulators(b)) or "-"
        flash, ram = b.memory.flash.length // 1024, b.memory.ram.length // 1024
        table.add_row(b.name, b.core, f"{flash} KiB", f"{ram} KiB", f"{b.clock.hz / 1e6:g} MHz", emulated, b.title)
    console.print(table)
