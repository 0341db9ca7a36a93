# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a line-by-line port of a Keras script (hard sigmoid, round through, `valid` convs after symmetric padding).

Idioms: 2*round(clamp((x+1)/2, 0, 1)) - 1 for activations and weights, explicit replicate padding by F.pad, conv (with bias)
-> max pool -> BN -> minus tile -> sign, a 2x2x4 tile spread by ConvTranspose2d of ones (subtracted), dense layers on a flattened map, BN
after the last layer, LogSoftmax.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 16, 16)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = False
EXACT = not STREAM
TIE = None

SYMBOL = {0: 0.31178307, 1: 0.63100557, 3: 0.96713846, 5: 1.33518974, 7: 1.76555877, 9: 2.34193425}
SLICES = [[[1, 1], [0, 3]], [[3, 3], [1, 5]], [[5, 5], [3, 7]], [[7, 7], [5, 9]]]


def hard_sigmoid(x):
    return torch.clamp((x + 1.) / 2., 0, 1)


def round_through(x):
    rounded = torch.round(x)
    if not torch.is_grad_enabled():
        return rounded
    return x + (rounded - x).detach()


def binary_tanh(x):
    return 2. * round_through(hard_sigmoid(x)) - 1.


class Threshold3D(nn.Module):
    """x - T with T repeated over the map; slices go round the channels."""

    def __init__(self, channels):
        super().__init__()
        tile = torch.tensor([[[SYMBOL[v] for v in row] for row in s] for s in SLICES])
        self.spread = nn.ConvTranspose2d(channels, channels, 2, stride=2, groups=channels, bias=False)
        with torch.no_grad():
            self.spread.weight.copy_(tile.repeat(channels // 4, 1, 1).unsqueeze(1))
        self.spread.weight.requires_grad_(False)
        self.channels = channels

    def forward(self, x):
        h, w = x.shape[2] // 2, x.shape[3] // 2
        return x - self.spread(torch.ones(1, self.channels, h, w))


class ConvBlock(nn.Module):
    def __init__(self, cin, cout, pool):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3)
        self.pool = nn.MaxPool2d(2, 2) if pool else None
        self.bn = nn.BatchNorm2d(cout, eps=1e-4, momentum=0.125)
        self.thr = Threshold3D(cout)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1), mode='replicate')
        x = F.conv2d(x, binary_tanh(self.conv.weight), self.conv.bias)
        if self.pool is not None:
            x = self.pool(x)
        return binary_tanh(self.thr(self.bn(x)))


class Dense(nn.Module):
    def __init__(self, fin, fout, last=False):
        super().__init__()
        self.fc, self.bn, self.last = nn.Linear(fin, fout), nn.BatchNorm1d(fout, eps=1e-4), last

    def forward(self, x):
        x = self.bn(F.linear(x, binary_tanh(self.fc.weight), self.fc.bias))
        return x if self.last else binary_tanh(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.ModuleList([ConvBlock(1, 16, False), ConvBlock(16, 32, True), ConvBlock(32, 40, True)])
        self.classifier = nn.ModuleList([Dense(40 * 16, 64), Dense(64, CLASSES, last=True)])

    def forward(self, x):
        for block in self.features:
            x = block(x)
        x = x.reshape(x.shape[0], -1)
        for dense in self.classifier:
            x = dense(x)
        return torch.log_softmax(x, dim=-1)


def fresh():
    torch.manual_seed(106)
    return Model()


def build():
    model = fresh()
    weights = np.load(Path(__file__).resolve().parent / "weights" / "06_keras_port_dither.npz")
    model.load_state_dict({n: torch.tensor(np.asarray(weights[n], dtype=np.float32)) for n in weights.files})
    model.eval()
    return model
