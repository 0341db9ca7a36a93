# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a ReActNet simplifier: no shortcuts, RPReLU between BN and the next RSign, so the tail of a sum can turn twice.

Idioms: PReLU with negative learned slopes, RPReLU (shift, PReLU, shift) followed by sign(x + b): up to two thresholds per channel; leaky slope functional (F.leaky_relu, F.prelu), slopes above 1;
abs() once (two thresholds by design), max pool of raw sums before the BN; widths 26/50/38; NCHW flatten.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.3,), (0.35,)
STREAM = False
EXACT = not STREAM
TIE = None


class RPReLU(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(c))
        self.zeta = nn.Parameter(torch.zeros(c))
        self.slope = nn.Parameter(torch.full((c,), 0.25))

    def forward(self, x):
        x = x - self.gamma[None, :, None, None]
        x = F.prelu(x, self.slope)
        return x + self.zeta[None, :, None, None]


class RSign(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(c))

    def forward(self, x):
        y = x - self.alpha[None, :, None, None]
        hard = torch.where(y >= 0, 1.0, -1.0)
        if self.training:
            y = y.clamp(-1, 1)
            return y + (hard - y).detach()
        return hard


class Conv(nn.Conv2d):
    def forward(self, x):
        s = self.weight.sign()
        if self.training:
            c = self.weight.clamp(-1, 1)
            s = c + (s - c).detach()
        return F.conv2d(x, s, None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.n1, self.p1, self.s1 = Conv(1, 26, 3, padding=1, bias=False), nn.BatchNorm2d(26), RPReLU(26), RSign(26)
        self.c2, self.n2, self.p2, self.s2 = Conv(26, 50, 3, padding=1, bias=False), nn.BatchNorm2d(50), RPReLU(50), RSign(50)
        self.c3, self.n3, self.p3, self.s3 = Conv(50, 38, 3, stride=2, bias=False), nn.BatchNorm2d(38), nn.PReLU(38), RSign(38)
        self.c4, self.n4, self.s4 = Conv(38, 32, 2, bias=False), nn.BatchNorm2d(32), RSign(32)
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = self.s1(self.p1(self.n1(self.c1(x))))
        x = self.s2(self.p2(self.n2(F.max_pool2d(self.c2(x), 2))))
        x = self.s3(self.p3(F.leaky_relu(self.n3(self.c3(x)), 0.1)))
        x = self.s4(self.n4(self.c4(x)).abs() - 0.6)
        return self.fc(torch.flatten(x, 1))


def fresh():
    torch.manual_seed(122)
    net = Net()
    for name, p in net.named_parameters():
        if name.endswith("slope") or name == "p3.weight":
            p.data = torch.empty_like(p).uniform_(-0.6, 1.3)
    return net


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "22_prelu_two_thresholds.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
