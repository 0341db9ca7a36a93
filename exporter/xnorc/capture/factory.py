# SPDX-License-Identifier: Apache-2.0
"""Builds a user's model from `package.module:factory` and a state dict that is never unpickled beyond plain tensors."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xnorc.capture.patches import patched
from xnorc.capture.trace import one_line, user_line
from xnorc.errors import CaptureError

# What wraps a network for training, and the word it puts before every name.
PREFIXES = {
    "module.": "DataParallel",
    "_orig_mod.": "torch.compile",
    "model.": "a LightningModule",
    "net.": "a LightningModule",
    "network.": "a LightningModule",
}
NESTED = ("state_dict", "model_state_dict", "model", "net")  # where training scripts keep the state dict


def load_factory(
    spec: str, state_dict_path: str | os.PathLike[str] | None = None, notes: list[str] | None = None
) -> nn.Module:
    """Imports and calls a factory, and loads a checkpoint into what it returns.

    The factory runs the user's own code, on the user's own word; the checkpoint is data and runs nothing.

    Args:
        spec: `package.module:factory`; the factory is called without arguments and returns a module.  The current
            folder is searched first.
        state_dict_path: `.pt`, `.pth` or `.ckpt` file; loaded with `weights_only=True`.
        notes: receives a line for each thing done to the state dict.

    Raises:
        CaptureError: no such module or factory, the factory fails, the file is no state dict, or the names differ.
    """
    name, _, attribute = spec.partition(":")
    if not name or not attribute:
        raise CaptureError(spec, "is not of the form package.module:factory", "e.g. mynet:build")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    with patched():
        try:
            module: Any = importlib.import_module(name)
        except ImportError as error:
            missing = f"imports {error.name}, which is not installed" if error.name not in (None, name) else "not found"
            raise CaptureError(
                spec, missing, "run in the folder that holds the package, install what it imports"
            ) from error
        except Exception as error:
            raise CaptureError(user_line(error) or spec, f"fails when imported: {one_line(error)}") from error
        factory = module
        for part in attribute.split("."):
            factory = getattr(factory, part, None)
        if not callable(factory):
            raise CaptureError(spec, f"{name} has no callable {attribute}", "a function or class without arguments")
        built = _built(spec, factory)
        told: list[str] = notes if notes is not None else []
        if state_dict_path is not None:
            load_state(built, state_dict_path, told)
        elif not _equal(built, _built(spec, factory)):
            told.append(f"{spec} gives other weights each time it is called: they are random, no --state was given")
    return built


def _built(spec: str, factory: Callable[[], Any]) -> nn.Module:
    try:
        built = factory()
    except Exception as error:
        raise CaptureError(user_line(error) or spec, f"the factory fails: {one_line(error)}") from error
    if not isinstance(built, nn.Module):
        raise CaptureError(spec, f"returned a {type(built).__name__}", "a torch.nn.Module")
    return built


def _equal(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules hold the same numbers."""
    held, again = one.state_dict(), other.state_dict()
    return held.keys() == again.keys() and all(
        value.shape == again[key].shape and value.equal(again[key])
        for key, value in held.items()
        if isinstance(value, torch.Tensor) and not value.is_meta
    )


def load_state(module: nn.Module, path: str | os.PathLike[str], notes: list[str]) -> None:
    """Loads a state dict file into a module; every name must match.

    Raises:
        CaptureError: the file holds more than tensors, or its names or shapes are not the module's.
    """
    state = _read(Path(path))
    for key in NESTED:
        if key in state and isinstance(state[key], dict):
            notes.append(f"{path}: the state dict is entry `{key}` of the checkpoint")
            state = state[key]
            break
    if not all(isinstance(value, torch.Tensor) for value in state.values()):
        odd = next(key for key, value in state.items() if not isinstance(value, torch.Tensor))
        raise CaptureError(str(path), f"entry `{odd}` is not a tensor", "a state dict")
    own = module.state_dict()
    state = _unwrapped(state, set(own), str(path), notes)
    for key in own:
        if key not in state and key.endswith("num_batches_tracked"):  # older checkpoints lack it; eval mode ignores it
            state = state | {key: own[key]}
    missing, extra = [k for k in own if k not in state], [k for k in state if k not in own]
    if missing or extra:
        said = [f"lacks {len(missing)} ({missing[0]})"] if missing else []
        said += [f"has {len(extra)} unknown ({extra[0]})"] if extra else []
        raise CaptureError(
            str(path), f"{' and '.join(said)} of the model's {len(own)} names", "a checkpoint of this model"
        )
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]] or [str(error)]
        raise CaptureError(str(path), lines[0][:200], "a checkpoint of this very model") from error


def _unwrapped(state: dict[str, Any], own: set[str], path: str, notes: list[str]) -> dict[str, Any]:
    """`state` without the prefixes of wrappers, one inside the other, where that brings it to the names of `own`.

    A LightningModule may hold more than the network (losses, metrics): what lies beside the prefix is left out then.
    """
    while not own & state.keys():
        found = next((p for p in PREFIXES if any(key.startswith(p) for key in state)), None)
        if found is None:
            break
        kept = {key[len(found) :]: value for key, value in state.items() if key.startswith(found)}
        beside = len(state) - len(kept)
        left = f"; {beside} names beside them are left out" if beside else ""
        notes.append(f"{path}: removed the prefix `{found}` of {PREFIXES[found]} from {len(kept)} names{left}")
        state = kept
    return state


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CaptureError(str(path), "does not exist", "a state dict saved with torch.save")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise CaptureError(
            str(path),
            "holds more than plain tensors, or is damaged; nothing in it was run",
            "torch.save(model.state_dict(), path)",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise CaptureError(
            str(path), f"holds a {type(state).__name__}", "a state dict: torch.save(model.state_dict(), path)"
        )
    return state
