# SPDX-License-Identifier: Apache-2.0
"""What a random network is: plain data, and the source text that it stands for.

A `Recipe` is a row of `Layer`s.  A layer has a kind and settings; a kind is a function of `kinds.py` that writes the
lines of source an author would write.  The lines are carried out while they are written, on zeros, so that the next
layer knows the shape that it gets; a recipe whose lines fail in PyTorch is no network (`NotANetwork`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Setting = int | float | str | bool


class NotANetwork(Exception):
    """PyTorch itself refuses the recipe: shapes that do not fit, a window greater than its map."""


@dataclass(frozen=True, repr=False)
class Layer:
    """One kind of layer with the settings that differ from the kind's own, and the branches that it joins."""

    kind: str
    settings: tuple[tuple[str, Setting], ...] = ()
    branches: tuple[tuple[Layer, ...], ...] = ()

    def __repr__(self) -> str:
        branches = [f"({', '.join(map(repr, b))}{',' if len(b) == 1 else ''})" for b in self.branches]
        return f"layer({', '.join([repr(self.kind), *branches, *(f'{k}={v!r}' for k, v in self.settings)])})"

    def walk(self) -> Iterator[Layer]:
        """This layer and all within it."""
        yield self
        for branch in self.branches:
            for layer in branch:
                yield from layer.walk()


def layer(kind: str, *branches: tuple[Layer, ...], **settings: Setting) -> Layer:
    """A `Layer`, settings as keywords."""
    return Layer(kind, tuple(settings.items()), branches)


@dataclass(frozen=True)
class Recipe:
    """A network and how it is exported.

    Attributes:
        image: (C, H, W), or (features,) of a network on vectors.
        layers: from the image to the logits.
        seed: of all parameters.
        norm: how batch norms are set: `plain`, `whole` (integers, so that sums lie on thresholds) or `wild` (scales
            of zero, variances tiny and huge).
        mean, std: per channel, or () for none.
        tie, weight_bits: as in `xnorc.export`; 0 for None.
    """

    image: tuple[int, ...]
    layers: tuple[Layer, ...]
    seed: int = 0
    norm: str = "plain"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    tie: int = 0
    weight_bits: int = 0

    def walk(self) -> Iterator[Layer]:
        """Every layer, branches included."""
        for each in self.layers:
            yield from each.walk()

    def tags(self) -> set[str]:
        """What the network has in it: kinds, spellings, settings that are not the kind's own."""
        found = {f"norm={self.norm}", f"inputs={len(self.image)}d", f"channels={self.image[0]}"}
        found |= {name for name in ("mean", "std", "tie", "weight_bits") if getattr(self, name)}
        for each in self.walk():
            found.add(each.kind)
            usual = defaults(each.kind)
            for name, value in each.settings:
                if isinstance(value, str):
                    found.add(f"{each.kind}.{name}={value}")
                elif value != usual[name]:
                    found.add(f"{each.kind}.{name}")
        return found

    def source(self) -> Writer:
        """The network's text.

        Raises:
            NotANetwork: PyTorch does not run it.
        """
        writer = Writer(self.image)
        writer.rows(self.layers)
        return writer


KINDS: dict[str, Callable[..., None]] = {}


def kind(function: Callable[..., None]) -> Callable[..., None]:
    """Register a kind.  Its keyword arguments are its settings; their defaults are the simplest ones."""
    KINDS[function.__name__] = function
    return function


def defaults(name: str) -> dict[str, Setting]:
    """The settings of a kind at their simplest."""
    found = inspect.signature(KINDS[name]).parameters.values()
    return {p.name: p.default for p in found if p.default is not inspect.Parameter.empty}


class _Self(nn.Module):
    """Stands for `self` while lines are carried out."""


@dataclass
class Writer:
    """Lines of __init__ and forward, and the value that they have led to."""

    image: tuple[int, ...]
    init: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    names: int = 0
    space: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.space = {"torch": torch, "nn": nn, "F": functional, "self": _Self().eval()}
        self.space["x"] = torch.zeros(1, *self.image)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value so far, without the batch."""
        return tuple(self.space["x"].shape[1:])

    @property
    def channels(self) -> int:
        """Of the value so far."""
        return self.shape[0]

    @property
    def per_channel(self) -> str:
        """The shape that broadcasts one value a channel, as text."""
        return ", ".join(["1", str(self.channels), *["1"] * (len(self.shape) - 1)])

    def rows(self, layers: tuple[Layer, ...]) -> None:
        """Write layers one after the other."""
        for each in layers:
            KINDS[each.kind](self, *([each.branches] if each.branches else []), **dict(each.settings))

    def need(self, text: str) -> None:
        """A class or function at the top of the file."""
        if text not in self.needs:
            self.needs.append(text)
            self._run(text)

    def attribute(self, stem: str, expression: str) -> str:
        """self.<stem><n> = expression; returns the name to use in forward."""
        name = f"self.{stem}{self.names}"
        self.names += 1
        self.init.append(f"{name} = {expression}")
        self._run(self.init[-1])
        return name

    def buffer(self, stem: str, expression: str) -> str:
        """A buffer; returns the name to use in forward."""
        name = f"{stem}{self.names}"
        self.names += 1
        self.init.append(f'self.register_buffer("{name}", {expression})')
        self._run(self.init[-1])
        return f"self.{name}"

    def variable(self, stem: str) -> str:
        """A fresh local name."""
        self.names += 1
        return f"{stem}{self.names - 1}"

    def line(self, text: str) -> None:
        """A line of forward."""
        self.body.append(text)
        with torch.no_grad():
            self._run(text)
        if not torch.is_tensor(self.space["x"]) or 0 in self.space["x"].shape:
            raise NotANetwork(f"{text}: nothing is left")

    def _run(self, text: str) -> None:
        try:
            exec(text, self.space)
            self.space["self"].eval()
        except Exception as error:
            raise NotANetwork(f"{text}: {type(error).__name__}: {error}") from error

    @property
    def text(self) -> str:
        """The class, ready to be run."""
        needs = "".join(f"{text}\n\n\n" for text in self.needs)
        init = "\n".join(f"        {line}" for line in self.init)
        body = "\n".join(f"        {line}" for line in self.body)
        return f"""{needs}class Net(nn.Module):
    def __init__(self):
        super().__init__()
{init}

    def forward(self, x):
{body}
        return x
"""
