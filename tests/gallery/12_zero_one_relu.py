# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a spiking-network person: activations are events, 0 or 1; there is no -1 anywhere but in the weights.

Idioms: {0, 1} activations: sign after ReLU, (x > t).float() (Heaviside), round(clamp(x, 0, 1)), torch.heaviside, o[o == 0] = 1 in the last
block (which turns {0, +-1} into +-1); +-1 weights; zero padding (natural here), max pool of events, sum of events as the read-out.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN = STD = None
STREAM = False
EXACT = not STREAM
TIE = None


class W(nn.Conv2d):
    def __init__(self, i, o, k, **kw):
        super().__init__(i, o, k, bias=False, **kw)

    def forward(self, x):
        w = (self.weight > 0).to(x.dtype).mul(2).sub(1)
        return F.conv2d(x, w, None, self.stride, self.padding, self.dilation, self.groups)


def fire_sign(v):
    return F.relu(v).sign()


def fire_step(v, theta=0.1):
    return (v > theta).float()


def fire_round(v):
    return torch.round(torch.clamp(v, 0., 1.))


def fire_heaviside(v):
    return torch.heaviside(v, torch.zeros(1))


def polar(v):
    o = torch.sign(v)
    o[o == 0] = 1
    return o


class Spikes(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.ModuleList([W(1, 18, 3, padding=1), W(18, 27, 3, padding=1), W(27, 37, 3, stride=2, padding=1), W(37, 41, 3, padding=1), W(41, 30, 1)])
        self.n = nn.ModuleList([nn.BatchNorm2d(c) for c in (18, 27, 37, 41, 30)])
        self.readout = W(30, CLASSES, 3)

    def forward(self, x):
        x = fire_sign(self.n[0](self.w[0](x)))
        x = fire_step(self.n[1](self.w[1](x)))
        x = F.max_pool2d(x, 2)
        x = fire_round(self.n[2](self.w[2](x)))
        x = fire_heaviside(self.n[3](self.w[3](x)))
        x = polar(self.n[4](self.w[4](x)))
        return self.readout(x).reshape(x.shape[0], -1)


def fresh():
    torch.manual_seed(112)
    return Spikes()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "12_zero_one_relu.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
