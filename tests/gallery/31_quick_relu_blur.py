# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a port of a Keras model zoo entry: grouped real stem, quant -> conv -> ReLU -> BN -> add, blur pool transitions.

Idioms: +1 padding of bits (constant pad) then valid conv, ReLU before BN inside a residual branch (conv -> ReLU -> BN -> add), real depthwise strided conv in the stem, fixed blur kernel as a depthwise real conv,
max pool with stride 1, real 1x1 transition, uneven std per colour, normalisation as an nn.Module inside the model, Softmax head, global average by view and mean.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 16, 16)
CLASSES = 10
MEAN = STD = None
STREAM = True
EXACT = not STREAM
TIE = None


class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))

    def forward(self, x):
        return x.sub(self.mean).div(self.std)


class SteSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.tensor(1.0), torch.tensor(-1.0))

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g.masked_fill(x.abs() > 1, 0)


class QuantConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(o, i, 3, 3))
        nn.init.xavier_uniform_(self.kernel)

    def forward(self, x):
        x = F.pad(SteSign.apply(x), (1, 1, 1, 1), mode="constant", value=1.0)
        return F.conv2d(x, SteSign.apply(self.kernel))


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv, self.bn = QuantConv(c, c), nn.BatchNorm2d(c, momentum=0.1, eps=1e-3)
        nn.init.constant_(self.bn.weight, 0.7)

    def forward(self, x):
        return self.bn(F.relu(self.conv(x))) + x


class Blur(nn.Module):
    def __init__(self, c):
        super().__init__()
        k = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("k", (k[:, None] * k[None] / 16).repeat(c, 1, 1, 1))

    def forward(self, x):
        return F.conv2d(x, self.k, stride=2, padding=1, groups=self.k.shape[0])


def transition(i, o):
    return nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, stride=1, padding=1), Blur(i), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o, eps=1e-3))


class Quick(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = Normalize([0.25, 0.3, 0.7], [0.31, 0.22, 0.37])
        self.stem = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Conv2d(12, 12, 3, padding=1, stride=2, groups=12, bias=False), nn.BatchNorm2d(12),
            nn.Conv2d(12, 32, 1, bias=False), nn.BatchNorm2d(32),
        )
        self.a = nn.Sequential(Residual(32), Residual(32))
        self.t = transition(32, 48)
        self.b = nn.Sequential(Residual(48), Residual(48))
        self.logits = nn.Linear(48, CLASSES)

    def forward(self, x):
        x = self.b(self.t(self.a(self.stem(self.norm(x)))))
        x = F.relu(x)
        x = x.view(x.size(0), x.size(1), -1).mean(2)
        x = self.logits(x)
        return F.softmax(x, dim=1) if not self.training else x


def fresh():
    torch.manual_seed(131)
    return Quick()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "31_quick_relu_blur.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
