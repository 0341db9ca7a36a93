# SPDX-License-Identifier: Apache-2.0
"""Recipes: small TOML files that say how a network is made and trained -> frozen dataclasses, every key checked."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from xnorc.errors import XnorcError

FOLDER = Path(__file__).resolve().parent / "recipes"
CHOICES: dict[str, tuple[str, ...]] = {
    "optimiser": ("adam", "adamw", "sgd"),
    "schedule": ("cosine", "linear", "constant"),
    "loss": ("cross_entropy", "squared_hinge"),
    "decay": ("all", "conv", "none"),
}
KINDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    bool: "true or false",
    dict: "a table: [network]",
    list: "one or more tables: [[stage]]",
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
        epochs, batch: as the names say.
        optimiser: `adam`, `adamw`, or `sgd` (momentum 0.9).
        lr: peak learning rate; `lr_last` where the schedule ends.
        schedule: `cosine`, `linear` or `constant`, per step, after `warmup` epochs of linear rise.
        weight_decay: L2 (decoupled for adamw) on `decay`: all parameters, only 4-D weights, or none.
        real_weights: train with real weights and binary activations (the first of two stages).
        loss: `cross_entropy` or `squared_hinge` (targets +-1).
        distil: share of the loss that is soft cross-entropy with the teacher's softmax, 0..1 (temperature 1).
        smoothing: label smoothing of the cross-entropy.
        clip: clamp latent weights to [-1, 1] after every step.
        flip, crop: augmentation: mirror, random crop after `crop` pixels of zero padding.
    """

    epochs: int
    batch: int = 128
    optimiser: str = "adam"
    lr: float = 1e-3
    lr_last: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.0
    weight_decay: float = 0.0
    decay: str = "all"
    real_weights: bool = False
    loss: str = "cross_entropy"
    distil: float = 0.0
    smoothing: float = 0.0
    clip: bool = True
    flip: bool = False
    crop: int = 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe.

    Attributes:
        name: the file's name.
        title: one line for people, with the paper.
        data: the data set it was written for (another may be given).
        network: keyword arguments of `make_network` but `classes`, `in_ch` and `size`, which the data decide.
        stages: in order; each starts from the end of the one before.
        teacher, teacher_stages: the real-valued network that teaches, and how it is trained; empty for none.
    """

    name: str
    title: str = ""
    data: str = "digits"
    network: dict[str, Any] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    teacher: dict[str, Any] = field(default_factory=dict)
    teacher_stages: tuple[Stage, ...] = ()


def recipe_names() -> list[str]:
    """Recipes shipped with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a TOML file by path.

    Raises:
        XnorcError: no such recipe, or a key, type or value that it may not hold; the message names file and key.
    """
    path = FOLDER / f"{name}.toml"
    if name not in recipe_names():
        path = Path(name)
        if not path.is_file():
            hint = f"one of {', '.join(recipe_names())}, or a .toml file"
            raise XnorcError("recipe", f"there is none called {name!r}", hint)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise XnorcError(str(path), f"cannot be read: {error}") from None
    return parse_recipe(path.stem, text, str(path))


def parse_recipe(name: str, text: str, where: str) -> Recipe:
    """A recipe from TOML text; `where` names the source in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise XnorcError(where, f"not TOML: {error}") from None
    known = {"title": str, "data": str, "network": dict, "teacher": dict, "stage": list, "teacher_stage": list}
    for key, value in table.items():
        if key not in known:
            raise XnorcError(where, f"unknown key {key!r}", f"one of {', '.join(known)}")
        if not isinstance(value, known[key]):
            raise XnorcError(where, f"{key} is {value!r}", KINDS[known[key]])
    for part in ("network", "teacher"):
        if (part == "network" or part in table) and not isinstance(table.get(part, {}).get("name"), str):
            raise XnorcError(where, f"[{part}] has no name", "a network of xnorc.nn.networks")
        for key, value in table.get(part, {}).items():
            if not isinstance(value, bool | int | float | str | list):
                raise XnorcError(where, f"{key} of [{part}] is {value!r}", "a number, text, true, false or a list")
    stages, teacher_stages = (
        tuple(_stage(f"{where}: {key} {i + 1}", entry) for i, entry in enumerate(table.get(key, [])))
        for key in ("stage", "teacher_stage")
    )
    if not stages:
        raise XnorcError(where, "no [[stage]]", "a recipe has at least one")
    if bool(table.get("teacher")) != bool(teacher_stages):
        raise XnorcError(where, "a [teacher] and its [[teacher_stage]] come together")
    if any(stage.distil for stage in stages) and not teacher_stages:
        raise XnorcError(where, "a stage distils but there is no [teacher]")
    return Recipe(
        name=name,
        title=table.get("title", ""),
        data=table.get("data", "digits"),
        network=table.get("network", {}),
        stages=stages,
        teacher=table.get("teacher", {}),
        teacher_stages=teacher_stages,
    )


def _stage(where: str, entry: Any) -> Stage:
    if not isinstance(entry, dict):
        raise XnorcError(where, "not a table")
    known = {f.name: f for f in fields(Stage)}
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in known:
            raise XnorcError(where, f"unknown key {key!r}", f"one of {', '.join(known)}")
        kind = {"int": int, "float": float, "str": str, "bool": bool}[str(known[key].type)]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise XnorcError(where, f"{key} is {value!r}", KINDS[kind])
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise XnorcError(where, f"{key} is {value}", "a number, 0 or more")
        if key in CHOICES and value not in CHOICES[key]:
            raise XnorcError(where, f"{key} is {value!r}", f"one of {', '.join(CHOICES[key])}")
        values[key] = value
    for f in fields(Stage):
        if f.default is MISSING and f.name not in values:
            raise XnorcError(where, f"no {f.name}")
    if values["epochs"] < 1 or values.get("batch", 1) < 1 or values.get("distil", 0) > 1:
        raise XnorcError(where, "epochs and batch start at 1, distil ends at 1")
    stage = Stage(**values)
    if stage.warmup > stage.epochs:
        raise XnorcError(where, f"warmup is {stage.warmup:g} of {stage.epochs} epochs", "not above epochs")
    if stage.smoothing > 1 or (stage.smoothing and stage.loss != "cross_entropy"):
        raise XnorcError(where, f"smoothing is {stage.smoothing:g}", "0 to 1, with loss cross_entropy only")
    return stage


def to_toml(recipe: Recipe) -> str:
    """The TOML text that `parse_recipe` reads back as an equal recipe; defaults are written out."""

    def table(head: str, values: dict[str, Any]) -> str:
        return f"\n{head}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

    text = f"title = {json.dumps(recipe.title)}\ndata = {json.dumps(recipe.data)}\n"
    text += table("[network]", recipe.network)
    text += "".join(table("[[stage]]", asdict(stage)) for stage in recipe.stages)
    if recipe.teacher:
        text += table("[teacher]", recipe.teacher)
        text += "".join(table("[[teacher_stage]]", asdict(stage)) for stage in recipe.teacher_stages)
    return text
