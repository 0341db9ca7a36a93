# SPDX-License-Identifier: Apache-2.0
"""Binary convolution and linear layers: latent real weights, binarized at every forward.

Inputs are whatever the layer ahead gives: +-1 from a binarizer, or pixels in a first layer.  Nothing here
binarizes activations.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.errors import XnorcError
from xnorc.nn.borders import replicated
from xnorc.nn.discovery import check_sizes
from xnorc.nn.weights import make_weight_binarizer

Padding = Literal["zero", "replicate", "minus", "plus"]
PADDINGS: tuple[Padding, ...] = ("zero", "replicate", "minus", "plus")
LATENTS = ("fan", "unit", "kaiming")


def pad_map(x: Tensor, pad: int, mode: str) -> Tensor:
    """x (N, C, H, W) with `pad` more rows and columns on each side: edge values, or -1, or +1."""
    if not pad:
        return x
    if mode == "replicate":
        return replicated(x, pad)
    return functional.pad(x, (pad,) * 4, value=-1.0 if mode == "minus" else 1.0)


OURS = {"padding": "pad=1", "padding_mode": "pad_mode", "kernel_size": "kernel", "bias": "a batch norm behind it"}
"""What torch's layers take -> what stands for it here."""


class BinaryConv2d(nn.Module):
    """2-D convolution with +-1 (or +-a per output channel) weights and no bias.

    Shape: x (N, in_ch, H, W) -> (N, out_ch, H', W') as torch's Conv2d.

    Args:
        in_ch, out_ch: channels.
        kernel: kh = kw.
        stride, pad: as in Conv2d.
        pad_mode: `zero` (PyTorch's default: border products are missing, n shrinks there), `replicate` (edge
            values, DeSign's plain networks), `minus` or `plus` (constant -1 or +1).
        groups: as in Conv2d.
        weight: name of a weight binarizer of `xnorc.nn.weights`.
        latent: how the latent weights start: `fan`, uniform in +-1/sqrt(fan-in); `unit`, uniform in +-1 (DeSign's
            plain networks); `kaiming`, normal with variance 2/fan-in (SD-BNN's CIFAR networks).
        options: keyword arguments of the weight binarizer.

    Attributes:
        weight: latent weights (out_ch, in_ch // groups, kernel, kernel).

    Raises:
        XnorcError: sizes that are none, or an unknown padding mode, start, weight binarizer or option.
    """

    def __init__(
        self,
        in_ch: int,
        out_ch: int,
        kernel: int,
        *,
        stride: int = 1,
        pad: int = 0,
        pad_mode: str = "zero",
        groups: int = 1,
        weight: str = "sign",
        latent: str = "fan",
        **options: Any,
    ) -> None:
        super().__init__()
        for key in sorted(OURS.keys() & options.keys()):
            raise XnorcError("BinaryConv2d", f"it has no option {key!r}", OURS[key])
        if type(pad) is not int or pad < 0:
            raise XnorcError("BinaryConv2d", f"pad is {pad!r}", "a whole number, 0 or more")
        check_sizes("BinaryConv2d", in_ch=in_ch, out_ch=out_ch, kernel=kernel, stride=stride, groups=groups)
        if in_ch % groups or out_ch % groups:
            raise XnorcError("BinaryConv2d", f"{in_ch} to {out_ch} channels", f"both multiples of groups, {groups}")
        if pad_mode not in PADDINGS:
            raise XnorcError("BinaryConv2d", f"padding mode {pad_mode!r}", f"one of {', '.join(PADDINGS)}")
        self.stride, self.pad, self.pad_mode, self.groups = stride, pad, pad_mode, groups
        self.real_weights = False
        self.weight = nn.Parameter(start("BinaryConv2d", latent, out_ch, in_ch // groups, kernel, kernel))
        self.binarize = make_weight_binarizer(weight, out_ch, **options)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight if self.real_weights else self.binarize(self.weight)
        if self.pad_mode == "zero":
            return functional.conv2d(x, weight, None, self.stride, self.pad, 1, self.groups)
        x = pad_map(x, self.pad, self.pad_mode)
        return functional.conv2d(x, weight, None, self.stride, 0, 1, self.groups)

    def extra_repr(self) -> str:
        out_ch, in_ch, kernel, _ = self.weight.shape
        return f"{in_ch * self.groups}, {out_ch}, {kernel}, stride={self.stride}, pad={self.pad} {self.pad_mode}"


class BinaryLinear(nn.Module):
    """Fully connected layer with +-1 (or +-a per output) weights and no bias.

    Shape: x (N, in_features) -> (N, out_features).

    Args:
        in_features, out_features: sizes.
        weight: name of a weight binarizer of `xnorc.nn.weights`.
        latent: how the latent weights start, as in `BinaryConv2d`.
        options: keyword arguments of the weight binarizer.

    Attributes:
        weight: latent weights (out_features, in_features).

    Raises:
        XnorcError: sizes that are none, or an unknown start, weight binarizer or option.
    """

    def __init__(
        self, in_features: int, out_features: int, *, weight: str = "sign", latent: str = "fan", **options: Any
    ) -> None:
        super().__init__()
        check_sizes("BinaryLinear", in_features=in_features, out_features=out_features)
        self.real_weights = False
        self.weight = nn.Parameter(start("BinaryLinear", latent, out_features, in_features))
        self.binarize = make_weight_binarizer(weight, out_features, **options)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight if self.real_weights else self.binarize(self.weight))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


def start(where: str, latent: str, *shape: int) -> Tensor:
    """Weights (out_ch, ...) at the start of training, see `BinaryConv2d`."""
    if latent not in LATENTS:
        raise XnorcError(where, f"latent weights {latent!r}", f"one of {', '.join(LATENTS)}")
    fan_in = math.prod(shape[1:])
    if latent == "kaiming":
        return torch.randn(shape) * (2 / fan_in) ** 0.5
    bound = 1.0 if latent == "unit" else fan_in**-0.5
    return torch.empty(shape).uniform_(-bound, bound)


def set_real_weights(model: nn.Module, real: bool) -> None:
    """Let every binary layer use its latent weights as they are (first stage of two), or binarize them again.

    While they are real, what the weight binarizers learn is unused and asks for no gradient: DDP would wait for it.
    """
    for module in model.modules():
        if isinstance(module, BinaryConv2d | BinaryLinear):
            module.real_weights = real
            module.binarize.requires_grad_(not real)


def clip_latent(model: nn.Module) -> None:
    """Clamp all latent weights to [-1, 1], in place: beyond, `identity` gives them no gradient (arXiv 1602.02830)."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, BinaryConv2d | BinaryLinear):
                module.weight.clamp_(-1, 1)
