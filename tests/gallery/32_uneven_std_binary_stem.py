# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: torchvision transforms pasted from another project: three means and three stds in front of a binary stem.

Idioms: normalisation outside with stds in the ratio 1:2:1, so that +-1 stem weights are +-2, +-1, +-2 on the pixels (exact in integers), zero padding of the normalised input (the pad
value is the mean pixel, not 0 and not an integer), stride-2 stem, nn.Sequential inside nn.ModuleDict, sign as nn.Hardtanh -> Function.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 12, 12)
CLASSES = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.25, 0.5, 0.25)
STREAM = False
EXACT = not STREAM
TIE = None


class S(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2.0 * (x >= 0) - 1.0

    @staticmethod
    def backward(ctx, g):
        return g


class BConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, S.apply(self.weight), self.bias, self.stride, self.padding)


class BLin(nn.Linear):
    def forward(self, x):
        return F.linear(x, S.apply(self.weight), self.bias)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({
            "stem": nn.Sequential(BConv(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.Hardtanh()),
            "mid": nn.Sequential(BConv(32, 41, 3, 1, 1), nn.BatchNorm2d(41), nn.Hardtanh()),
            "end": nn.Sequential(BConv(41, 27, 3, 2, 1), nn.BatchNorm2d(27), nn.Hardtanh()),
        })
        self.top = nn.Sequential(BLin(27 * 9, 64), nn.BatchNorm1d(64))
        self.last = BLin(64, CLASSES)

    def forward(self, x):
        for key in ("stem", "mid", "end"):
            x = S.apply(self.parts[key](x))
        x = torch.reshape(x, (-1, 27 * 9))
        return self.last(S.apply(self.top(x)))


def fresh():
    torch.manual_seed(132)
    return Net()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "32_uneven_std_binary_stem.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
