# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: clean-code person; plain nn.Conv2d everywhere, binarisation by parametrizations and by forward (pre-)hooks.

Idioms: torch.nn.utils.parametrize on `weight` (erf then sign, tanh then sign, clamp then sign), WSD sign(w + 0.01*sigmoid(alpha)*mean(w)) as a parametrization, a forward pre-hook
that binarizes the activations, a forward hook that adds a shift, buffers for scales, named modules in an OrderedDict, MaxPool(2) after sign.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = False
EXACT = not STREAM
TIE = None


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return torch.sign(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad


class ErfSign(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return Straight.apply(torch.erf(w * 3 - 0.1))


class TanhSign(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.register_buffer("scale", torch.rand(shape[0], 1, 1, 1) + 0.2)

    def forward(self, w: Tensor) -> Tensor:
        return Straight.apply(torch.tanh(2.0 * w)) * self.scale


class ClampSign(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return Straight.apply(torch.clamp(w - w.mean(), -1, 1))


class SelfDistribution(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels, 1, 1, 1))

    def forward(self, w: Tensor) -> Tensor:
        beta = w.mean(dim=(1, 2, 3), keepdim=True)
        return Straight.apply(w + 0.01 * torch.sigmoid(self.alpha) * beta)


def binarize_inputs(module, inputs):
    (x,) = inputs
    return (Straight.apply(x),)


def add_shift(module, inputs, output):
    return output + module.shift


def make() -> nn.Sequential:
    net = nn.Sequential(OrderedDict(
        stem=nn.Conv2d(1, 14, 3, padding=1, bias=False), norm0=nn.BatchNorm2d(14),
        conv1=nn.Conv2d(14, 28, 3, padding=1, bias=False), norm1=nn.BatchNorm2d(28),
        conv2=nn.Conv2d(28, 42, 3, stride=2, padding=1, bias=False), norm2=nn.BatchNorm2d(42),
        conv3=nn.Conv2d(42, 36, 3, padding=1, bias=False), pool=nn.MaxPool2d(2), norm3=nn.BatchNorm2d(36),
        flatten=nn.Flatten(), head=nn.Linear(36 * 9, CLASSES),
    ))
    parametrize.register_parametrization(net.stem, "weight", ErfSign())
    parametrize.register_parametrization(net.conv1, "weight", SelfDistribution(28))
    parametrize.register_parametrization(net.conv2, "weight", TanhSign((42,)))
    parametrize.register_parametrization(net.conv3, "weight", ClampSign())
    for name in ("conv1", "conv2", "conv3", "head"):
        net.get_submodule(name).register_forward_pre_hook(binarize_inputs)
    net.norm1.shift = nn.Parameter(torch.zeros(28, 1, 1))
    net.norm1.register_forward_hook(add_shift)
    return net


def fresh():
    torch.manual_seed(118)
    return make()


def build() -> nn.Module:
    net = fresh()
    with np.load(Path(__file__).parent / "weights" / "18_weight_transforms_hooks.npz") as z:
        net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
