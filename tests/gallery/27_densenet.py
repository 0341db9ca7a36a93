# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: BinaryDenseNet-like: every layer reads all earlier maps, BN -> sign -> conv, transitions by pool and real 1x1.

Idioms: concatenation of real maps (dense), pre-activation order, dilation 2 in a 3x3, transition = BN -> ReLU -> real 1x1 conv -> max pool,
sign by where with zeros_like, weights tanh before sign, odd growth rate 12, mean over the map written as x.mean(3).mean(2).
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = True
EXACT = not STREAM
TIE = None


def det_sign(x):
    sgn = torch.where(x < 0, torch.full_like(x, -1.0), torch.ones_like(x))
    lin = x.clamp(-1.3, 1.3)
    return (sgn - lin).detach() + lin


class DenseLayer(nn.Module):
    def __init__(self, cin, growth, dilation=1):
        super().__init__()
        self.bn = nn.BatchNorm2d(cin)
        self.weight = nn.Parameter(torch.randn(growth, cin, 3, 3) * 0.3)
        self.dilation = dilation
        self.gain = nn.Parameter(torch.full((growth, 1, 1), 0.06))

    def forward(self, x):
        bits = det_sign(self.bn(x))
        w = det_sign(torch.tanh(self.weight * 2.0))
        y = F.conv2d(bits, w, padding=self.dilation, dilation=self.dilation)
        return torch.cat((x, y * self.gain), dim=1)


class Transition(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.bn = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, kernel_size=1, bias=True)

    def forward(self, x):
        return F.max_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseBNN(nn.Module):
    def __init__(self, growth=12):
        super().__init__()
        c = 20
        layers = [nn.Conv2d(1, c, 3, padding=1)]
        for d in (1, 1, 2):
            layers.append(DenseLayer(c, growth, d))
            c += growth
        layers.append(Transition(c, 28))
        c = 28
        for d in (1, 2, 1):
            layers.append(DenseLayer(c, growth, d))
            c += growth
        self.features = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(c)
        self.classifier = nn.Linear(c, CLASSES)

    def forward(self, x):
        x = F.relu(self.norm(self.features(x)), inplace=True)
        return self.classifier(x.mean(3).mean(2))


def fresh():
    torch.manual_seed(127)
    return DenseBNN()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "27_densenet.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
