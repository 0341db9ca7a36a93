# SPDX-License-Identifier: Apache-2.0
"""How a model is to be read: the argument MODEL and the options that every command which lowers one takes.

What says where the network is, is a field of `Wanted`; what says how it is exported is a field of
`xnorc.options.Options`.  `takes_model` puts both behind a command's own options and hands the command one `Wanted`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from xnorc.options import Flag, Options


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options as typed; those of `Options` by name in `options`, without those that were left out."""

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
    logits: Annotated[
        int | None,
        typer.Option(
            "--logits", min=0, help="Which tensor the logits are, if the model returns several.", show_default=False
        ),
    ] = None
    name: Annotated[str | None, typer.Option("--name", help="Name of the program.", show_default=False)] = None
    options: dict[str, Any] = field(default_factory=dict)


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """`command(wanted, ...)` as Typer reads it: the fields of Wanted and of Options in place of `wanted`."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    read = inspect.signature(Wanted, eval_str=True).parameters
    where = [parameter for name, parameter in read.items() if name != "options"]
    flags = {f.name: _parameter(f.name, f.default, f.metadata["flag"]) for f in fields(Options) if f.metadata}
    every = sorted([where[0], *own, *where[1:], *flags.values()], key=lambda p: p.default is not p.empty)

    @functools.wraps(command)
    def run(**given: Any) -> None:
        typed = {name: given.pop(name) for name in flags}
        options = {name: value for name, value in typed.items() if value != flags[name].default}
        wanted = Wanted(**{p.name: given.pop(p.name) for p in where}, options=options)
        command(wanted, **given)

    run.__signature__ = inspect.Signature([p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in every])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in every}
    return run


def _parameter(name: str, default: Any, flag: Flag) -> inspect.Parameter:
    """An option of `Options` as Typer has it: --weight-bits for weight_bits; defaults of None and False go unsaid."""
    option = typer.Option(f"--{name.replace('_', '-')}", help=flag.help, show_default=default not in (None, False))
    annotation = Annotated.__class_getitem__((flag.takes, option))  # type: ignore[attr-defined]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
