# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: "learnable binary levels" paper code; activations take two learned levels, weights keep +-a per channel.

Idioms: two-valued activations that are not +-1: m + a*sign(x) with learned scalars m and a (asymmetric), a*(sign(x) + b), {lo, hi} by where; weights mean|w|*sign(w)
per channel with a learnable scale of either sign; zero padding (a border where the sum of weights is position dependent), stride, conv bias.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 10, 10)
CLASSES = 10
MEAN, STD = (0.3,), (0.3,)
STREAM = False
EXACT = not STREAM
TIE = None


class TwoLevel(nn.Module):
    """m + a * sign(x)"""

    def __init__(self, m, a):
        super().__init__()
        self.m = nn.Parameter(torch.tensor(m))
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x):
        return self.m + self.a * torch.where(x < 0, -1.0, 1.0)


class LowHigh(nn.Module):
    def __init__(self, lo, hi):
        super().__init__()
        self.register_buffer("lo", torch.tensor(lo))
        self.register_buffer("hi", torch.tensor(hi))

    def forward(self, x):
        return torch.where(x > 0, self.hi, self.lo)


class BConv(nn.Module):
    def __init__(self, i, o, k, s=1, p=1, bias=False):
        super().__init__()
        self.w = nn.Parameter(torch.randn(o, i, k, k) / 8)
        self.g = nn.Parameter(torch.ones(o, 1, 1, 1))
        self.b = nn.Parameter(torch.zeros(o)) if bias else None
        self.s, self.p = s, p

    def forward(self, x):
        alpha = self.w.abs().mean([1, 2, 3], keepdim=True) * self.g
        return F.conv2d(x, alpha * self.w.sign(), self.b, self.s, self.p)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.n1, self.a1 = BConv(1, 15, 3), nn.BatchNorm2d(15), TwoLevel(0.25, 0.75)
        self.c2, self.n2, self.a2 = BConv(15, 31, 3, bias=True), nn.BatchNorm2d(31), LowHigh(-0.375, 1.5)
        self.c3, self.n3, self.a3 = BConv(31, 34, 3, s=2), nn.BatchNorm2d(34), TwoLevel(-0.1875, 0.5)
        self.c4, self.n4 = BConv(34, 29, 5, p=1), nn.BatchNorm2d(29)
        self.scale, self.offset = nn.Parameter(torch.tensor(0.6)), nn.Parameter(torch.tensor(0.3))
        self.fc = nn.Linear(29 * 9, CLASSES)

    def forward(self, x):
        x = self.a1(self.n1(self.c1(x)))
        x = self.a2(self.n2(self.c2(x)))
        x = self.a3(self.n3(self.c3(x)))
        x = self.n4(self.c4(x))
        x = self.scale * (torch.sign(x) + self.offset)
        return self.fc(x.flatten(start_dim=1))


def fresh():
    torch.manual_seed(113)
    return Net()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "13_asymmetric_activations.npz")
    net.load_state_dict({k: torch.from_numpy(np.array(z[k], np.float32)) for k in z.files})
    return net.eval()
