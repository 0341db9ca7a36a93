# SPDX-License-Identifier: Apache-2.0
"""Networks by strangers: `names()` lists the files, `load(name)` imports one, `eager(net, x)` runs one as it stands.

Nothing here knows xnorc.  README.md holds the contract that every file keeps.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from .data import digits

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """Stems of the numbered networks, in order; `big_resnet18` is not among them."""
    return sorted(path.stem for path in HERE.glob("[0-9][0-9]_*.py"))


def path_of(name: str) -> Path:
    """The source file of one network."""
    return HERE / f"{name}.py"


def load(name: str) -> ModuleType:
    """The author's file as a fresh module object (imported anew at every call)."""
    alias = f"gallery_{name}"
    spec = importlib.util.spec_from_file_location(alias, path_of(name))
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"no network {name!r} in {HERE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    with old_machine():
        spec.loader.exec_module(module)
    return module


def build(module: ModuleType) -> nn.Module:
    """The author's network in eval mode, built on what passes for the author's machine (see `old_machine`)."""
    with old_machine():
        return module.build()


@contextlib.contextmanager
def old_machine() -> Iterator[None]:
    """Pretend to be the author's machine: `.cuda()` works without a GPU and pre-0.4 autograd Functions still run."""
    calls = torch.autograd.Function.__dict__.get("__call__")
    to_gpu, net_to_gpu = torch.Tensor.cuda, nn.Module.cuda

    def run_forward(self: torch.autograd.Function, *args: object) -> object:
        if isinstance(type(self).__dict__.get("forward"), staticmethod):
            raise TypeError("a new-style Function is called through apply")
        with torch.no_grad():
            return self.forward(*args)

    torch.Tensor.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]
    nn.Module.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]
    torch.autograd.Function.__call__ = run_forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.cuda, nn.Module.cuda = to_gpu, net_to_gpu  # type: ignore[method-assign]
        if calls is None:
            del torch.autograd.Function.__call__
        else:
            torch.autograd.Function.__call__ = calls  # type: ignore[method-assign]


def eager(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the author's network answers: no gradients, on the author's machine."""
    with torch.no_grad(), old_machine():
        return net(x)


def images(module: ModuleType, count: int, seed: int = 0) -> np.ndarray:
    """uint8 (count, H, W, C) or (count, features): the first half noise, the second half real held-out digits."""
    rng = np.random.default_rng(seed)
    real = digits(module.INPUT)[2]
    noise = rng.integers(0, 256, (count - count // 2, *real.shape[1:]), dtype=np.uint8)
    return np.concatenate([noise, real[rng.integers(0, len(real), count // 2)]])


def to_float(module: ModuleType, x: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, C) -> float32 (N, C, H, W) as ToTensor and Normalize make it; features stay (N, features)."""
    pixels = torch.from_numpy(x).to(torch.float32) / 255
    if pixels.ndim == 4:
        pixels = pixels.permute(0, 3, 1, 2).contiguous()
    if module.MEAN is None:
        return pixels
    shape = (1, -1) + (1,) * (pixels.ndim - 2)
    return (pixels - torch.tensor(module.MEAN).view(shape)) / torch.tensor(module.STD).view(shape)
