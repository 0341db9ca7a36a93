# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a minimalist's one-page net: no batch norm at all, integer sums go straight into a sign.

Idioms: sign(x + eps) where eps decides the tie of integer sums (even number of taps), sign(x) of odd sums (no tie possible), binary conv bias (integers by chance of training), max pool of raw
sums, strided 1x1 kernel, 3-channel input of equal mean and std, parameters with one-letter names.
"""
import numpy as np
import torch as t
import torch.nn.functional as F
from pathlib import Path

INPUT = (3, 10, 10)
CLASSES = 10
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
STREAM = False
EXACT = not STREAM
TIE = None
EPS = 1e-3


class Mini(t.nn.Module):
    def __init__(self):
        super().__init__()
        P = lambda *s: t.nn.Parameter(t.randn(*s))
        self.a, self.b, self.c, self.d, self.e = P(16, 3, 3, 3), P(33, 16, 3, 3), P(25, 33, 1, 1), P(32, 25, 3, 3), P(10, 32 * 4)
        self.bias = t.nn.Parameter(t.zeros(33))
        self.off = t.nn.Parameter(t.zeros(16, 1, 1))

    def forward(self, x):
        s = t.sign
        x = s(F.conv2d(x, s(self.a)) + self.off)
        # 16 * 9 taps: even sums, zero is an everyday value
        x = s(F.conv2d(x, s(self.b)) + self.bias[:, None, None] + EPS)
        # 33 taps: odd sums, zero cannot be
        x = s(F.conv2d(x, s(self.c), stride=1))
        x = F.max_pool2d(F.conv2d(x, s(self.d)), 2)
        x = (x - 3 + EPS).sign()
        return F.linear(x.flatten(1), s(self.e))


def fresh():
    t.manual_seed(120)
    net = Mini()
    net.bias.data = t.randint(-6, 7, (33,)).float()
    net.off.data = t.randn(16, 1, 1) * 2
    return net


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "20_no_norm_sign_eps.npz")
    for k, p in net.named_parameters():
        p.data = t.from_numpy(z[k].astype(np.float32))
    return net.eval()
