# SPDX-License-Identifier: Apache-2.0
"""How a model is to be read: the argument MODEL and the options that every command which lowers one takes.

An option is a field of `Wanted` and nothing else: `takes_model` puts the fields behind a command's own options and
hands the command one `Wanted`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options as typed."""

    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .pt2 archive (torch.export.save), or module:factory, a function that returns the network.",
            show_default=False,
        ),
    ]
    state: Annotated[
        Path | None,
        typer.Option("--state", help="State dict for module:factory (.pt, tensors only).", show_default=False),
    ] = None
    shape: Annotated[
        str | None,
        typer.Option(
            "--shape", help="C,H,W or the number of features, for a model that is no archive.", show_default=False
        ),
    ] = None
    mean: Annotated[
        str | None,
        typer.Option(
            "--mean", help="Per-channel mean taken from x/255 ahead of the model: 0.49,0.48,0.45.", show_default=False
        ),
    ] = None
    std: Annotated[
        str | None,
        typer.Option("--std", help="Per-channel standard deviation, divided by after that.", show_default=False),
    ] = None
    tie: Annotated[
        int | None,
        typer.Option("--tie", help="What sign(0) means where the network can reach it: 1 or -1.", show_default=False),
    ] = None
    percentile: Annotated[
        float,
        typer.Option(
            "--percentile", help="Share of calibration magnitudes that streams hold without saturating, in %."
        ),
    ] = 100.0
    logits: Annotated[
        int | None,
        typer.Option(
            "--logits", min=0, help="Which tensor the logits are, if the model returns several.", show_default=False
        ),
    ] = None
    name: Annotated[str | None, typer.Option("--name", help="Name of the program.", show_default=False)] = None
    weight_bits: Annotated[
        int | None,
        typer.Option(
            "--weight-bits",
            help="Bits of real weights, 8 or 16 (default: 16 in small stems, heads and LAB's taps).",
            show_default=False,
        ),
    ] = None
    static_collapsed: Annotated[
        bool,
        typer.Option(
            "--static-collapsed",
            help="Make thresholds computed from the image constants where calibration never moves them.",
        ),
    ] = False


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """`command(wanted, ...)` as Typer reads it: the fields of Wanted in place of `wanted`."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    model, *options = inspect.signature(Wanted, eval_str=True).parameters.values()
    every = sorted([model, *own, *options], key=lambda p: p.default is not p.empty)  # the required ones first

    @functools.wraps(command)
    def run(**given: Any) -> None:
        wanted = Wanted(**{field.name: given.pop(field.name) for field in fields(Wanted)})
        command(wanted, **given)

    run.__signature__ = inspect.Signature([p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in every])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in every}
    return run
