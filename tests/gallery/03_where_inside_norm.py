# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a PhD student's single class; functional calls, normalisation is the first line of forward (buffers).

Idioms: torch.where(x >= 0, 1., -1.), mean/std inside the model, conv->BN->maxpool->sign with negative BN scales, 5x5
kernels, stride 2, parameters as bare tensors, overlapping pool 3/2, global max pool, tail Linear on +-1 features.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

INPUT = (1, 16, 16)
CLASSES = 10
MEAN = STD = None
STREAM = False
EXACT = not STREAM
TIE = None


def b(t):
    return torch.where(t >= 0, 1., -1.)


def ste(t):
    # straight-through: forward is b(t)
    if torch.is_grad_enabled():
        c = t.clamp(-1, 1)
        return c + (b(t) - c).detach()
    return b(t)


class TinyBNN(nn.Module):
    def __init__(self, c1=20, c2=44, c3=65):
        super().__init__()
        self.register_buffer("mu", torch.tensor([0.3]).view(1, 1, 1, 1))
        self.register_buffer("sigma", torch.tensor([0.36]).view(1, 1, 1, 1))
        self.w1 = nn.Parameter(torch.randn(c1, 1, 5, 5) * .1)
        self.w2 = nn.Parameter(torch.randn(c2, c1, 5, 5) * .1)
        self.w3 = nn.Parameter(torch.randn(c3, c2, 3, 3) * .1)
        self.n1, self.n2, self.n3 = nn.BatchNorm2d(c1), nn.BatchNorm2d(c2), nn.BatchNorm2d(c3)
        self.head = nn.Linear(c3, CLASSES)

    def forward(self, img):
        x = (img - self.mu) / self.sigma
        x = F.conv2d(x, ste(self.w1), padding=2)
        x = ste(F.max_pool2d(self.n1(x), 2))
        x = F.conv2d(x, ste(self.w2), padding=2, stride=2)
        x = ste(F.max_pool2d(self.n2(x), 3, stride=2, padding=1))
        x = self.n3(F.conv2d(x, ste(self.w3), padding=1))
        x = F.adaptive_max_pool2d(x, 1)
        x = ste(x)
        return self.head(torch.flatten(x, 1))


def fresh():
    torch.manual_seed(103)
    return TinyBNN()


def build():
    model = fresh()
    arrays = np.load(pathlib.Path(__file__).with_name("weights") / (pathlib.Path(__file__).stem + ".npz"))
    state = {name: torch.tensor(np.asarray(arrays[name], np.float32)) for name in arrays}
    model.load_state_dict(state)
    return model.eval()
