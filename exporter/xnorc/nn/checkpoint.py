# SPDX-License-Identifier: Apache-2.0
"""A trained network on disk: what `train` leaves in a folder, and how to get the network back.

model.pt     state dict, readable with torch.load(weights_only=True)
model.pt2    torch.export of the eval-mode network on one image (1, C, H, W)
recipe.toml  the recipe as it was used, defaults written out
run.json     seed, data set, image shape, normalisation, note, accuracy, versions
log.jsonl    one line an epoch (`xnorc.nn.progress.Epoch`)
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from xnorc.errors import XnorcError
from xnorc.nn.networks import make_network
from xnorc.nn.recipe import Recipe, load_recipe, to_toml
from xnorc.writing import staged_file, write_file


def save(folder: Path, network: nn.Module, recipe: Recipe, run: dict[str, Any]) -> None:
    """Write model.pt, model.pt2, recipe.toml and run.json; `run` has `shape` (H, W, C) of an image."""
    network = network.cpu().eval()
    with staged_file(folder / "model.pt") as staged:
        torch.save(network.state_dict(), staged)
    h, w, c = run["shape"]
    with warnings.catch_warnings(), torch.no_grad(), staged_file(folder / "model.pt2") as staged:
        warnings.simplefilter("ignore", FutureWarning)  # torch.export on its own tree specifications
        torch.export.save(torch.export.export(network, (torch.zeros(1, c, h, w),)), staged)
    write_file(folder / "recipe.toml", to_toml(recipe))
    write_file(folder / "run.json", json.dumps(run, indent=1) + "\n")


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a trained folder.

    Raises:
        XnorcError: the folder holds no finished training.
    """
    try:
        run: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        about = run["classes"], tuple(run["shape"])
    except (OSError, ValueError) as error:
        raise XnorcError(str(folder), f"no finished training lies here: {error}") from None
    except (KeyError, TypeError):
        raise XnorcError(str(folder / "run.json"), "does not say classes and shape of the images") from None
    if len(about[1]) != 3:
        raise XnorcError(str(folder / "run.json"), f"images of shape {about[1]}", "(H, W, C)")
    return run


def load(folder: Path) -> nn.Module:
    """The trained network of a folder, in eval mode.

    Raises:
        XnorcError: the folder holds no finished training, or weights of another network.
    """
    run = read_run(folder)
    recipe = load_recipe(str(folder / "recipe.toml"))
    network = build_network(recipe.network, run["classes"], run["shape"])
    try:
        network.load_state_dict(torch.load(folder / "model.pt", weights_only=True, map_location="cpu"))
    except (OSError, RuntimeError, TypeError, EOFError, UnpicklingError) as error:
        reasons = str(error).strip().splitlines()
        mismatch = isinstance(error, RuntimeError) and len(reasons) > 1  # one line a parameter, below a heading
        reason = reasons[-1].strip() if mismatch or isinstance(error, OSError) else "not a state dict"
        raise XnorcError(str(folder / "model.pt"), f"not the weights of this recipe: {reason}") from None
    return network.eval()


def build_network(options: dict[str, Any], classes: int, shape: tuple[int, int, int]) -> nn.Module:
    """The network of a recipe's [network] table for images of `shape` (H, W, C).

    Raises:
        XnorcError: images that are not square, an option that the data decide, or what `make_network` raises.
    """
    h, w, c = shape
    for key in ("classes", "in_ch", "size"):
        if key in options:
            raise XnorcError("network", f"{key} is {options[key]!r}, but the data decide it", "leave it out")
    if h != w:
        raise XnorcError("network", f"images of {h}x{w}", "square images")
    rest = {key: value for key, value in options.items() if key != "name"}
    return make_network(options["name"], classes, in_ch=c, size=h, **rest)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The epochs of log.jsonl in order; of an epoch run twice by a resumed training, the later one."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise XnorcError(str(folder), f"no log lies here: {error}") from None
    try:
        records = [json.loads(line) for line in lines]
        return list({(record["phase"], record["epoch"]): record for record in records}.values())
    except (ValueError, KeyError, TypeError):
        raise XnorcError(str(folder / "log.jsonl"), "a line that is no epoch") from None
