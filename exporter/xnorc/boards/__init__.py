# SPDX-License-Identifier: Apache-2.0
"""boards/*.toml -> a frozen `Board`; everything about a board that the rest of xnorc knows.

`load` takes the name of a board that comes with xnorc or the path of anyone's own TOML.  Every key is checked: what is
unknown, missing or out of range is a `BoardError` that names the file, the key and what would be accepted.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from xnorc.boards.baud import complaint, error_percent, real_rate
from xnorc.boards.board import Board, Clock, Flash, Memory, Qemu, Region, Renode, Uart, Write
from xnorc.boards.schema import CORES, parse, uart_ips
from xnorc.boards.table import closest
from xnorc.errors import BoardError
from xnorc.resources import folder

__all__ = [
    "CORES",
    "Board",
    "Clock",
    "Flash",
    "Memory",
    "Qemu",
    "Region",
    "Renode",
    "Uart",
    "Write",
    "all_boards",
    "at_baud",
    "error_percent",
    "load",
    "names",
    "real_rate",
    "uart_ips",
]


def names() -> tuple[str, ...]:
    """The names of the boards that come with xnorc, sorted."""
    return tuple(sorted(path.stem for path in folder("boards").glob("*.toml")))


def all_boards() -> tuple[Board, ...]:
    """Every board that comes with xnorc, by name."""
    return tuple(load(name) for name in names())


def load(name_or_path: str | Path) -> Board:
    """A board by its name (`mps2_an386`) or by the path of its TOML file (anything with a slash or `.toml`).

    Raises:
        BoardError: no such board, or the file breaks the schema; names file and key.
    """
    text = str(name_or_path)
    own = isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text
    path = Path(text) if own else folder("boards") / f"{text}.toml"
    if not path.is_file():
        if own:
            raise BoardError(text, "there is no such board file")
        known = f"boards: {', '.join(names())}, or the path of a TOML file"
        raise BoardError(text, f"is not a board{closest(text, names())}", known)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(str(path), f"is not TOML: {error}") from error
    return parse(data, str(path), path.stem)


def at_baud(board: Board, baud: int | None) -> Board:
    """The board with its UART at another rate; itself for None.

    Raises:
        BoardError: the UART's divider misses that rate by more than 2 %.
    """
    if baud is None:
        return board
    uart = replace(board.uart, baud=baud)
    if wrong := complaint(uart):
        raise BoardError(board.name, f"uart.baud {wrong}", "another --baud")
    return replace(board, uart=uart)
