# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: mobile-net people: ShuffleNet-like units made of binary grouped, depthwise and 1x1 convolutions, no real path.

Idioms: grouped binary convs, depthwise 3x3 and 5x5 binary convs, channel split (chunk), channel shuffle of binary maps, concatenation of binary
maps, stride-2 branch, sign with eps (x + 1e-6), weights per-layer mean scale, 1x1 binary convs, widths 24, 48, 72, global average of bits before the head.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

INPUT = (3, 16, 16)
CLASSES = 10
MEAN, STD = (0.4, 0.4, 0.6), (0.3, 0.3, 0.3)
STREAM = False
EXACT = not STREAM
TIE = None

EPS = 1e-6


class _Sgn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, eps=EPS):
        ctx.save_for_backward(x)
        return torch.sign(x + eps)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * (1 - x.abs()).clamp(min=0) * 2, None


sgn = _Sgn.apply


def channel_shuffle(x, groups):
    n, c, h, w = x.size()
    x = x.view(n, groups, c // groups, h, w)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(n, -1, h, w)


class bconv(nn.Conv2d):
    def __init__(self, cin, cout, k, stride=1, groups=1):
        super().__init__(cin, cout, k, stride, k // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x):
        w = sgn(self.weight) * self.weight.abs().mean()
        return sgn(self.norm(self._conv_forward(x, w, None)))


class Unit(nn.Module):
    def __init__(self, c, k=3):
        super().__init__()
        half = c // 2
        self.pw1 = bconv(half, half, 1)
        self.dw = bconv(half, half, k, groups=half)
        self.pw2 = bconv(half, half, 1, groups=2)

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        b = self.pw2(self.dw(self.pw1(b)))
        return channel_shuffle(torch.cat([a, b], dim=1), 2)


class Down(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.left = bconv(cin, cout - cin, 3, stride=2, groups=cin)
        self.right = bconv(cin, cin, 3, stride=2)

    def forward(self, x):
        return channel_shuffle(torch.cat((self.left(x), self.right(x)), 1), 3)


class Shuffly(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = bconv(3, 24, 3)
        self.u1 = Unit(24)
        self.d1 = Down(24, 48)
        self.u2 = Unit(48, 5)
        self.d2 = Down(48, 96)
        self.mix = bconv(96, 72, 3, groups=4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(72, CLASSES)

    def forward(self, x):
        x = self.d1(self.u1(self.stem(x)))
        x = self.mix(self.d2(self.u2(x)))
        return self.fc(self.pool(x).flatten(1))


def fresh():
    torch.manual_seed(110)
    return Shuffly()


def build():
    net = fresh()
    with np.load(Path(__file__).parent / "weights" / "10_grouped_depthwise_shuffle.npz") as z:
        state = {k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files}
    net.load_state_dict(state, strict=True)
    return net.eval()
