# SPDX-License-Identifier: Apache-2.0
"""Tiny networks around idioms: one stem, then per idiom a batch norm, an activation, and a convolution; one head.

Tracing costs a second or so whatever its size, so many idioms share one network; each has its own batch norm, and
with it its own values, so that nothing of one is merged with another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xnorc.capture import BinarizePoint, Captured, Const, Finite, Kind, Weights, capture, classify
from xnorc.capture.edit import aten, packet

Fn = Callable[[torch.Tensor], torch.Tensor]


def step(x: torch.Tensor) -> torch.Tensor:
    """A binarizer that says what it does at zero."""
    return torch.where(x >= 0, 1.0, -1.0)


class Net(nn.Module):
    """conv -> for each idiom: batch norm -> act -> conv with weigh(weight) -> mean over the map; the sum -> linear."""

    def __init__(self, acts: list[Fn], weighs: list[Fn], out_ch: int = 6) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.acts, self.weighs = acts, weighs
        self.modules_of_acts = nn.ModuleList([act for act in [*acts, *weighs] if isinstance(act, nn.Module)])
        self.stem = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4) for _ in acts])
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.randn(out_ch, 4, 3, 3, generator=generator) * 0.1) for _ in acts]
        )
        self.head = nn.Linear(out_ch, 3)
        with torch.no_grad():
            for part in (self.stem.weight, self.head.weight, self.head.bias):
                part.copy_(torch.randn(part.shape, generator=generator))
            for norm in self.norms:
                norm.weight.copy_(torch.randn(4, generator=generator))
                norm.bias.copy_(torch.randn(4, generator=generator))
                norm.running_mean.copy_(torch.randn(4, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        total: Any = 0.0
        for act, weigh, norm, weight in zip(self.acts, self.weighs, self.norms, self.weights, strict=True):
            total = total + F.conv2d(act(norm(x)), weigh(weight), padding=1).mean((2, 3))
        return self.head(total)


def example(seed: int = 1) -> torch.Tensor:
    return torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(seed))


class Seen:
    """What capture found of one idiom in a network of several."""

    def __init__(self, module: Net, net: Captured, index: int) -> None:
        self.net = net
        self.weight = module.weights[index].detach()
        self.dot = [n for n in net.graph.graph.nodes if packet(n) is aten.conv2d][1 + index]

    @property
    def bits(self) -> Finite:
        node = self.dot.args[0]
        assert isinstance(node, torch.fx.Node)
        table = self.net.finite(node)
        assert table is not None, self.net.values[node]
        return table

    @property
    def numbers(self) -> set[float]:
        return {float(v) for row in self.bits.vals for v in row.reshape(-1)}

    @property
    def points(self) -> list[BinarizePoint]:
        return [p for p in self.net.points if self.dot in p.dots]

    @property
    def found(self) -> Weights:
        value = self.net.values[self.dot.args[1]]
        assert isinstance(value, Const)
        return classify(value.tensor)


def capture_all(
    acts: Mapping[str, Fn] | None = None, weighs: Mapping[str, Fn] | None = None, **options: Any
) -> dict[str, Seen]:
    """One network with every idiom; name -> what was found of it."""
    names = list(acts or weighs or {})
    module = Net(
        list(acts.values()) if acts else [step] * len(names),
        list(weighs.values()) if weighs else [lambda w: torch.where(w >= 0, 1.0, -1.0)] * len(names),
    )
    net = capture(module, example(), **options)
    return {name: Seen(module, net, i) for i, name in enumerate(names)}


def one(act: Fn | None = None, weigh: Fn | None = None, **options: Any) -> Seen:
    """A network with one idiom."""
    return capture_all({"": act} if act else None, {"": weigh} if weigh else None, **options)[""]


def is_sign_of(found: Weights, weight: torch.Tensor) -> bool:
    return found.kind is Kind.BINARY and bool((found.sign == weight.sign()).all())


def proved(seen: Seen) -> str:
    """How the first straight-through form was cancelled: "exact", "bounded" or "measured".

    (A line of proof quotes the source line, which may hold any of these words.)
    """
    return seen.net.proofs[0].rpartition("cancelled, ")[2].split(":")[0]
