# SPDX-License-Identifier: Apache-2.0
"""Small networks for the tests of lowering, and what they come to in PyTorch."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from xnorc.lower import Lowered, Options, lower
from xnorc.oracle.compare import Comparison, compare


def pm1(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, 1.0, -1.0)


class Conv(nn.Conv2d):
    """Binary weights of +-1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, pm1(self.weight), self.bias)


class Linear(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, pm1(self.weight), self.bias)


class Bits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x)


class Dither(nn.Module):
    """A sign whose threshold repeats over the map."""

    tile: torch.Tensor

    def __init__(self, tile: list[list[float]]) -> None:
        super().__init__()
        self.register_buffer("tile", torch.tensor(tile))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        th, tw = self.tile.shape
        return pm1(x - self.tile.repeat(-(-x.shape[2] // th), -(-x.shape[3] // tw))[: x.shape[2], : x.shape[3]])


Net = TypeVar("Net", bound=nn.Module)


def lively(net: Net, seed: int = 0) -> Net:
    """Every parameter drawn from `seed`, batch norms with scales of both signs, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d):
            n = m.num_features
            m.running_mean.copy_(torch.randn(n, generator=generator) * 2)
            m.running_var.copy_(torch.rand(n, generator=generator) * 20 + 0.5)
            m.weight.data.copy_(torch.randn(n, generator=generator))
            m.bias.data.copy_(torch.randn(n, generator=generator))
        elif isinstance(m, nn.Conv2d | nn.Linear):
            m.weight.data.copy_(torch.randn(m.weight.shape, generator=generator))
            if m.bias is not None:
                m.bias.data.copy_(torch.rand(m.bias.shape, generator=generator) - 0.5)
    return net.eval()


def digits_like() -> nn.Module:
    """uint8 8x8 -> conv -> dithered sign 2x2 -> binary conv -> max pool -> BN -> sign -> linear."""
    return lively(
        nn.Sequential(
            Conv(1, 33, 3, padding=1, bias=False),
            nn.BatchNorm2d(33),
            nn.Hardtanh(),
            Dither([[0.3, -0.2], [-0.1, 0.25]]),
            Conv(33, 40, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(40),
            Bits(),
            nn.Flatten(),
            Linear(640, 10, bias=False),
            nn.BatchNorm1d(10),
            nn.LogSoftmax(-1),
        )
    )


def images(shape: tuple[int, ...], count: int, seed: int = 0) -> np.ndarray:
    """uint8 (count, h, w, ch) for an example shape (1, C, H, W) or (1, F); half of them dark: borders matter."""
    _, ch, h, w = shape if len(shape) == 4 else (1, shape[1], 1, 1)
    x = np.random.default_rng(seed).integers(0, 256, (count, h, w, ch)).astype(np.uint8)
    x[: count // 2] //= 8
    return x


def lowered(net: nn.Module, shape: tuple[int, ...], **options: object) -> Lowered:
    from xnorc.capture import capture

    made = Options(**options)  # type: ignore[arg-type]
    return lower(capture(net, torch.rand(shape, generator=torch.Generator().manual_seed(0)), tie=made.tie), made, "net")


def compared(net: nn.Module, shape: tuple[int, ...], count: int = 50, **options: object) -> tuple[Lowered, Comparison]:
    made = lowered(net, shape, **options)
    return made, compare(made, images(shape, count))
