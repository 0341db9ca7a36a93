# SPDX-License-Identifier: Apache-2.0
"""Trained networks that come with xnorc: checkpoint, the recipe that made it, and the exported program.

Each folder holds what `xnorc train` wrote (model.pt, recipe.toml, run.json, of the newest also log.jsonl) and what
`xnorc export` made of it (program.json, constants.npz).
A test exports every checkpoint again and expects the stored program, bit for bit.
"""

from __future__ import annotations

from pathlib import Path

from xnorc.errors import ProgramError
from xnorc.program import Program, load

HERE = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """The networks there are, sorted."""
    return tuple(sorted(path.parent.name for path in HERE.glob("*/program.json")))


def folder(name: str) -> Path:
    """Where a network's files are.

    Raises:
        ProgramError: there is no such network.
    """
    if name not in names():
        raise ProgramError(name, "is no network that comes with xnorc", ", ".join(names()))
    return HERE / name


def program(name: str) -> Program:
    """A network's integer program, verified."""
    return load(folder(name))
