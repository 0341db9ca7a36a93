# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: an image-processing student; dither matrices as nn.Parameter(requires_grad=False), `repeat` in forward.

Idioms: tile subtracted by Tensor.repeat (2x2, scaled by the batch-norm gamma), tile added as a full-size constant parameter,
3x3 tile on a 12x12 map, sign after Hardtanh, x.sign(), sign(w) * learnable per-layer scale (positive and negative), stride 2
after a dithered map, average of logits over the map as binary conv + mean.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

INPUT = (3, 12, 12)
CLASSES = 10
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
STREAM = False
EXACT = not STREAM
TIE = None

BAYER2 = torch.tensor([[0.63100557, 0.63100557], [0.31178307, 0.96713846]])
SYM3 = torch.tensor([[0.967, 0.631, 0.967], [0.631, 0.312, 0.631], [0.967, 0.631, 0.967]])


class BinaryConvolution(nn.Module):
    def __init__(self, i, o, k=3, s=1, p=1, scale=1.0):
        super().__init__()
        self.latent = nn.Parameter(torch.empty(o, i, k, k).uniform_(-1, 1))
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        self.s, self.p = s, p

    def forward(self, x):
        return F.conv2d(x, self.scale * self.latent.sign(), None, self.s, self.p)


class GammaDither(nn.Module):
    """y - gamma * T, T repeated to the size of y."""

    def __init__(self, norm, tile):
        super().__init__()
        self.norm = [norm]      # in a list: not a child of this module
        self.T = nn.Parameter(tile.clone(), requires_grad=False)

    def forward(self, y):
        n, c, h, w = y.size()
        t = self.T.repeat(1, c, h // self.T.size(0), w // self.T.size(1))
        return y - self.norm[0].weight.view(1, -1, 1, 1) * t


class DitherNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.b1 = BinaryConvolution(3, 18, scale=0.3), nn.BatchNorm2d(18)
        self.d1 = GammaDither(self.b1, BAYER2)
        self.c2, self.b2 = BinaryConvolution(18, 34, s=2, scale=-0.7), nn.BatchNorm2d(34)
        self.plane = nn.Parameter(-SYM3.repeat(2, 2).expand(1, 34, 6, 6).clone(), requires_grad=False)
        self.c3, self.b3 = BinaryConvolution(34, 36), nn.BatchNorm2d(36)
        self.d3 = GammaDither(self.b3, SYM3)
        self.c4 = BinaryConvolution(36, CLASSES, 1, 1, 0, scale=0.05)

    def forward(self, x):
        x = F.hardtanh(self.d1(self.b1(self.c1(x)))).sign()
        x = self.b2(self.c2(x)) + self.plane
        x = F.hardtanh(x).sign()
        x = F.hardtanh(self.d3(self.b3(self.c3(x)))).sign()
        return self.c4(x).mean(dim=(2, 3))


def fresh():
    torch.manual_seed(107)
    return DitherNet()


def build():
    net = fresh()
    file = np.load(Path(__file__).parent.joinpath("weights", "07_dither_repeat.npz"))
    net.load_state_dict({k: torch.from_numpy(file[k]).float() for k in file.files})
    return net.eval()
