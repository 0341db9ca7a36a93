# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share, described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xnorc.errors import DataError

ProgramDir = Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder made by `xnorc export`.", show_default=False)]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .pt2 archive (torch.export.save), or module:factory, a function that returns the network.",
        show_default=False,
    ),
]
BoardName = Annotated[str, typer.Option("--board", "-b", help="A board of `xnorc boards`, or the path of a board TOML.")]
Data = Annotated[
    str | None,
    typer.Option("--data", "-d", help="An .npz with x (uint8, N,H,W,C) and y; or `digits`.", show_default=False),
]
Factory = Annotated[Path | None, typer.Option("--state", help="State dict for module:factory (.pt, tensors only).")]
Mean = Annotated[str | None, typer.Option("--mean", help="Per-channel mean taken from x/255 before the model, as 0.49,0.48,0.45.")]
Std = Annotated[str | None, typer.Option("--std", help="Per-channel standard deviation, divided after the mean.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Use only the first N samples.")]


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """`0.5,0.4` as floats; None stays None.

    Raises:
        DataError: a field is no number.
    """
    if text is None:
        return None
    try:
        return tuple(float(field) for field in text.split(","))
    except ValueError as error:
        raise DataError(option, f"{text!r} is not a list of numbers", "write 0.49,0.48,0.45") from error
