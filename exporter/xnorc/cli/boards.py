# SPDX-License-Identifier: Apache-2.0
"""`xnorc boards`: the boards that firmware can be built for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

if TYPE_CHECKING:
    from xnorc.boards import Board

PLACE = Place(Group.START, 3)
HEADINGS = ("board", "core", "clock", "flash", "RAM", "flashed by", "emulators", "UART (TX, RX)", "what it is")
NUMBERS = ("clock", "flash", "RAM")


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One board, or the path of a TOML file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/boards.md.")] = False,
    as_json: bool = JSON,
) -> None:
    """List the boards: core, memory, and where each can run; or show one, with the real rate of its UART.

    A board is one TOML file; `--board` also takes the path of your own.

    [bold]Example[/bold]: xnorc boards nucleo_f446re
    """
    from xnorc.boards import all_boards, load

    boards = all_boards() if name is None else (load(name),)
    if as_json:
        rows = [dataclasses.asdict(board) for board in boards]
        emit(rows if name is None else rows[0] | {"uart_rate": rate(boards[0])})
    elif markdown:
        console.print(table_of(boards), end="", soft_wrap=True)
    elif name is not None:
        show(boards[0])
    else:
        listed(boards)


def row(board: Board) -> tuple[str, ...]:
    """The cells of a board's line, under HEADINGS."""
    from xnorc.targets import emulators

    memory, uart = board.memory, board.uart
    return (
        board.name,
        board.core.removeprefix("cortex-").upper().replace("PLUS", "+"),
        f"{board.clock.hz / 1e6:g} MHz",
        f"{memory.flash.length // 1024} KiB",
        f"{memory.ram.length // 1024} KiB",
        board.flash.by if board.flash else "-",
        ", ".join(emulators(board)) or "-",
        uart.pins or "-",
        board.title,
    )


def table_of(boards: tuple[Board, ...]) -> str:
    """The boards as a table in Markdown."""
    lines = [HEADINGS, tuple("---:" if heading in NUMBERS else "---" for heading in HEADINGS)]
    lines += [(f"`{cells[0]}`", *cells[1:]) for cells in map(row, boards)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def listed(boards: tuple[Board, ...]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        number = heading in NUMBERS
        table.add_column(heading, no_wrap=heading in ("board", "core"), justify="right" if number else "left")
    for board in boards:
        cells = row(board)
        table.add_row(cells[0], board.core, *cells[2:])
    console.print(table)


def rate(board: Board) -> dict[str, float] | None:
    """What the UART really runs at, in bits a second, and how far that is off, in percent."""
    from xnorc.boards import error_percent, real_rate

    real, error = real_rate(board.uart), error_percent(board.uart)
    return (
        None if real is None or error is None else {"bits_a_second": round(real, 1), "error_percent": round(error, 3)}
    )


def show(board: Board) -> None:
    cells = dict(zip(HEADINGS[1:], row(board)[1:], strict=True))
    uart, real = board.uart, rate(board)
    cells["rate"] = f"{uart.baud} baud by {uart.ip} from {uart.hz / 1e6:g} MHz"
    if real is not None:
        cells["rate"] += f": {real['bits_a_second']:.0f} in truth, {real['error_percent']:+.2f} %"
    cells["steps"] = f"{len(board.init)} register writes and waits before the UART"
    width = max(map(len, cells))
    for heading, cell in {"board": board.name, **cells}.items():
        console.print(f"{heading:{width}}  {cell}", soft_wrap=True)
