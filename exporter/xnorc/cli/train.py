# SPDX-License-Identifier: Apache-2.0
"""`xnorc train`: train a reference network by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.NETWORK, 1)


def command(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or the path of a recipe TOML.")] = "digits",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the result (default: build/RECIPE).")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="digits, mnist, cifar10, cifar100, a folder of images, or one with train.npz and test.npz "
            "(default: the recipe's).",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--path", help="Where the data set's local file is.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last finished epoch.")] = False,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Override a choice of the recipe's network: --set binarizer=rsign.", show_default=False
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="32-true, or bf16-mixed: faster where the processor has it.")
    ] = "32-true",
    accelerator: Annotated[str, typer.Option(help="cpu, gpu or mps; auto takes what the machine has.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Above 1, training is distributed (DDP).")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that take part, each started with this command.")] = 1,
    compiled: Annotated[bool, typer.Option("--compile", help="Fuse the training step (torch.compile).")] = False,
    as_json: bool = JSON,
) -> None:
    """Train a network; writes model.pt2, model.pt (weights only), recipe.toml, run.json and log.jsonl.

    [bold]Example[/bold]: xnorc train digits --out build/digits
    """
    from xnorc.data import load
    from xnorc.errors import DataError
    from xnorc.extras import need

    need("train", "xnorc train")
    from dataclasses import replace

    from xnorc.nn.networks import with_choices
    from xnorc.nn.recipe import load_recipe
    from xnorc.nn.train import ACCELERATORS, PRECISIONS, Machine, is_first, train

    for option, given, known in (("--precision", precision, PRECISIONS), ("--accelerator", accelerator, ACCELERATORS)):
        if given not in known:
            raise DataError(option, f"there is none called {given!r}", f"one of {', '.join(known)}")

    wanted = load_recipe(recipe)
    result = train(
        replace(wanted, network=with_choices(wanted.network, _settings(network or []))),
        load(data or wanted.data, path),
        out or Path("build") / Path(recipe).stem,
        seed=seed,
        resume=resume,
        progress=not as_json,
        machine=Machine(accelerator, devices, nodes, precision, compiled),
    )
    if not is_first():
        return
    if as_json:
        emit({"folder": str(result.folder), "accuracy": result.accuracy})
    else:
        console.print(f"{result.folder}: {100 * result.accuracy:.2f} % on the held-out split")


def _settings(words: list[str]) -> dict[str, Any]:
    """`a=1 b=x` as {"a": 1, "b": "x"}: values read as TOML where they are TOML, else as text."""
    import tomllib

    from xnorc.errors import DataError

    settings: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise DataError("--set", f"{word!r} is not KEY=VALUE", "KEY is one word, as in --set binarizer=rsign")
        try:
            settings[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key] = value
    return settings
