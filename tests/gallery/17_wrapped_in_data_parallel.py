# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: research group with a `utils` habit; the evaluated object itself is an nn.DataParallel wrapper.

Idioms: nn.DataParallel as the outermost module (prefixed state dict loaded into it), weights (w - mean)/std then sign, sign(x / x.std) with a constant floor,
round-based binarizer ((x.sign() + 0.5).sign(): never 0), per-layer mean(|w|) scale, groups=2, avg pool of +-1 bits before a linear, BN without affine.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.2,), (0.4,)
STREAM = False
EXACT = not STREAM
TIE = None


def never_zero(x):
    return (x.sign() + 0.5).sign()


class Bin(torch.autograd.Function):
    @staticmethod
    def forward(ctx, i):
        return never_zero(i)

    @staticmethod
    def backward(ctx, g):
        return g


def standardise(w):
    flat = w.reshape(w.size(0), -1)
    std, mean = torch.std_mean(flat, dim=1, keepdim=True)
    return ((flat - mean) / (std + 1e-7)).reshape_as(w)


class ConvNormBin(nn.Module):
    def __init__(self, i, o, k=3, s=1, g=1, affine=True):
        super().__init__()
        self.w = nn.Parameter(torch.randn(o, i // g, k, k) + 0.3)
        self.norm = nn.BatchNorm2d(o, affine=affine)
        self.s, self.g, self.p = s, g, k // 2

    def forward(self, x):
        w = standardise(self.w)
        y = F.conv2d(x, Bin.apply(w) * w.abs().mean(), stride=self.s, padding=self.p, groups=self.g)
        y = self.norm(y)
        return Bin.apply(y / y.std().clamp_min(1e-3)) if not self.training else Bin.apply(y)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            ConvNormBin(1, 20), ConvNormBin(20, 36, s=2, affine=False), ConvNormBin(36, 44, g=2), ConvNormBin(44, 50, 1),
        )
        self.head = nn.Linear(50, CLASSES)

    def forward(self, x):
        x = self.net(x)
        return self.head(F.avg_pool2d(x, 6).flatten(1))


def fresh():
    torch.manual_seed(117)
    return nn.DataParallel(Model())


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "17_wrapped_in_data_parallel.npz")
    assert all(k.startswith("module.") for k in z.files)
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
