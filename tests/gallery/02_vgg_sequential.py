# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: one long nn.Sequential with a Sign module, conv -> pool -> BN -> Hardtanh -> Sign, flatten in NCHW order.

Idioms: custom autograd.Function (static), torch.sign(x), sign(w), conv->pool->BN->sign, Hardtanh before sign, max pool,
zero padding, flatten of a 2x2 map in NCHW order, BN1d before the last linear, binary last linear, Identity.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.autograd import Function

INPUT = (3, 8, 8)
CLASSES = 10
MEAN, STD = (0.25, 0.35, 0.75), (0.25, 0.25, 0.25)
STREAM = False
EXACT = not STREAM
TIE = None


class SignSTE(Function):
    @staticmethod
    def forward(ctx, inp):
        ctx.save_for_backward(inp)
        return torch.sign(inp)

    @staticmethod
    def backward(ctx, grad):
        (inp,) = ctx.saved_tensors
        return grad * inp.abs().le(1).type_as(grad)


class Sign(nn.Module):
    def forward(self, x):
        return SignSTE.apply(x)


class BConv(nn.Conv2d):
    def forward(self, x):
        return nn.functional.conv2d(x, SignSTE.apply(self.weight), None, self.stride, self.padding, self.dilation, self.groups)


class BLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, SignSTE.apply(self.weight))


def make_layers():
    return nn.Sequential(
        BConv(3, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.Hardtanh(inplace=True), Sign(),
        BConv(24, 40, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(40), nn.Hardtanh(inplace=True), Sign(),
        nn.Identity(),
        BConv(40, 33, 3, padding=1, bias=False), nn.MaxPool2d(kernel_size=2, stride=2), nn.BatchNorm2d(33), nn.Hardtanh(), Sign(),
        nn.Flatten(),
        BLinear(33 * 2 * 2, 48, bias=False), nn.BatchNorm1d(48), Sign(),
        BLinear(48, CLASSES, bias=False), nn.BatchNorm1d(CLASSES),
    )


def fresh():
    torch.manual_seed(102)
    return make_layers()


def build():
    net = fresh()
    with np.load(Path(__file__).parent / "weights" / "02_vgg_sequential.npz") as saved:
        net.load_state_dict({k: torch.as_tensor(saved[k], dtype=torch.float32) for k in saved.files})
    return net.eval()
