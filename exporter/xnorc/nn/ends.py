# SPDX-License-Identifier: Apache-2.0
"""First and last layers, whose inputs or outputs are not bits: int8, real or binary weights.

int8 weights are trained as they will be stored: w = q * s[c], q an integer in -127..127, s[c] = max|w[c]| / 127,
with the gradient passed straight through.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.errors import XnorcError
from xnorc.nn.discovery import check_sizes
from xnorc.nn.layers import BinaryConv2d, BinaryLinear, start

WEIGHTS = ("int8", "real", "sign")
BORDERS = {"zero": "zeros", "replicate": "replicate"}
"""Our name of a padding mode -> torch's."""


class _Int8(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, w: Tensor) -> Tensor:
        scale = w.flatten(1).abs().amax(1).clamp_min(1e-8) / 127
        scale = scale.reshape(-1, *([1] * (w.dim() - 1)))
        return (w / scale).round().clamp(-127, 127) * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def int8(w: Tensor) -> Tensor:
    """w (out_ch, ...) rounded to 255 levels per output channel."""
    out: Tensor = _Int8.apply(w)  # type: ignore[no-untyped-call]
    return out


class IntConv2d(nn.Conv2d):
    """torch's Conv2d whose weights are int8 times a scale per output channel; a bias is real."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, int8(self.weight), self.bias)


class IntLinear(nn.Linear):
    """A linear layer whose weights are int8 times a scale per output; the bias is real."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, int8(self.weight), self.bias)


class Stem(nn.Sequential):
    """The first layer: convolution of pixels, then batch norm.

    Shape: x (N, in_ch, H, W) -> (N, out_ch, H', W').

    Args:
        in_ch, out_ch: channels.
        kernel, stride, pad: geometry.
        pad_mode: `zero`, or `replicate`: edge values, as DeSign's plain networks have them in their first layer too.
        weight: `int8`; `real` as the papers' (the exporter rounds it to int8 and reports the difference); `sign`.
        latent: how the weights start, see `BinaryConv2d`; `fan` and `unit` are torch's own start where they are no
            latent weights of bits.
    """

    def __init__(
        self,
        in_ch: int,
        out_ch: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        pad: int = 1,
        pad_mode: str = "zero",
        weight: str = "int8",
        latent: str = "fan",
    ) -> None:
        check_sizes("Stem", in_ch=in_ch, out_ch=out_ch, kernel=kernel, stride=stride)
        if pad_mode not in BORDERS:
            raise XnorcError("Stem", f"padding mode {pad_mode!r}", f"one of {', '.join(BORDERS)}")
        conv: nn.Module
        if weight == "sign":
            conv = BinaryConv2d(in_ch, out_ch, kernel, stride=stride, pad=pad, pad_mode=pad_mode, latent=latent)
        else:
            kind = _choose(weight, IntConv2d, nn.Conv2d)
            conv = kind(in_ch, out_ch, kernel, stride, pad, bias=False, padding_mode=BORDERS[pad_mode])
            _settle(conv, latent)
        super().__init__(conv, nn.BatchNorm2d(out_ch))


def head(in_features: int, classes: int, weight: str = "int8", latent: str = "fan") -> nn.Module:
    """The last layer: (N, in_features) -> logits (N, classes).

    `int8` or `real` weights with a bias, or `sign` weights followed by a batch norm (BinaryNet); `latent` as in `Stem`.
    """
    if weight == "sign":
        return nn.Sequential(BinaryLinear(in_features, classes, latent=latent), nn.BatchNorm1d(classes))
    linear: nn.Module = _choose(weight, IntLinear, nn.Linear)(in_features, classes)
    _settle(linear, latent)
    return linear


def _settle(layer: nn.Module, latent: str) -> None:
    """Kaiming's start for weights that are no latent ones; torch's stays for the others."""
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    if latent == "kaiming":
        with torch.no_grad():
            layer.weight.copy_(start(type(layer).__name__, latent, *layer.weight.shape))


def _choose(weight: str, quantised: Any, real: Any) -> Any:
    if weight not in WEIGHTS:
        raise XnorcError("first or last layer", f"weights {weight!r}", f"one of {', '.join(WEIGHTS)}")
    return quantised if weight == "int8" else real
