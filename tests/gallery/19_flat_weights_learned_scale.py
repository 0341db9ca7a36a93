# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a library of one's own ("binlayers"), all configuration by keyword strings; plain feed-forward net.

Idioms: weights stored flat (n, 1) and viewed, all latent weights positive or tiny (1e-3) before a shift, learnable scale per layer, sign(x + b[c]) with b of shape (1, C, 1, 1),
(x > 0).type(x.type()) * 2 - 1, conv -> avg pool -> BN -> sign and conv -> BN -> max pool -> sign by string, global average of bits, BN1d before the last linear.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 16, 16)
CLASSES = 10
MEAN, STD = (0.3,), (0.35,)
STREAM = False
EXACT = not STREAM
TIE = None


class FlatBinary(nn.Module):
    def __init__(self, i, o, k, stride=1, pad=0, scale="layer"):
        super().__init__()
        self.shape = (o, i, k, k)
        self.flat = nn.Parameter((torch.rand(o * i * k * k, 1) - 0.45) * 1e-3)
        self.gamma = nn.Parameter(torch.tensor(0.35)) if scale == "layer" else 1.0
        self.opts = dict(stride=stride, padding=pad)

    def forward(self, x):
        kernel = self.flat.view(*self.shape)
        kernel = kernel.sign() * self.gamma
        return F.conv2d(x, kernel, **self.opts)


class ShiftBinarize(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.b = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x):
        x = x + self.b
        return (x > 0).type(x.type()) * 2 - 1


POOLS = {"max": lambda: nn.MaxPool2d(2), "avg": lambda: nn.AvgPool2d(2)}


def block(i, o, k, order, pool="max", **kw):
    parts = dict(conv=lambda: FlatBinary(i, o, k, **kw), pool=POOLS[pool], norm=lambda: nn.BatchNorm2d(o), act=lambda: ShiftBinarize(o))
    return nn.Sequential(*[parts[p]() for p in order.split("-")])


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = nn.ModuleList([
            block(1, 16, 3, "conv-norm-act", pad=1, scale="none"),
            block(16, 29, 3, "conv-pool-norm-act", pool="avg", pad=1, scale="none"),
            block(29, 39, 3, "conv-norm-pool-act", pad=1),
            block(39, 43, 3, "conv-norm-act", stride=1),
        ])
        self.bn = nn.BatchNorm1d(43)
        self.fc = nn.Linear(43, CLASSES)

    def forward(self, x):
        for m in self.seq:
            x = m(x)
        x = torch.mean(x, dim=[-2, -1])
        return self.fc(self.bn(x))


def fresh():
    torch.manual_seed(119)
    return FeedForward()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "19_flat_weights_learned_scale.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
