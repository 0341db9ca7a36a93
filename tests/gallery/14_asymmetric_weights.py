# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: loss-aware two-level quantisation; each filter keeps its own two weight values.

Idioms: weights m + a*sign(w - m) per output channel (m, a the filter's mean and mean deviation: asymmetric), the same per layer in the classifier, +-1
activations with zero padding, BN before sign, max pool.  The sums are two integers with real factors, hence STREAM.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.3,), (0.35,)
STREAM = True
EXACT = not STREAM
TIE = None


class PassThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latent, quantised):
        return quantised.clone()

    @staticmethod
    def backward(ctx, g):
        return g, None


class ActSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype) - (x < 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return torch.where(x.abs() <= 1, g, torch.zeros_like(g))


def two_level(w, per_channel=True):
    flat = w.detach().reshape(w.shape[0], -1) if per_channel else w.detach().reshape(1, -1)
    m = flat.mean(1, keepdim=True)
    a = (flat - m).abs().mean(1, keepdim=True)
    q = torch.where(flat > m, m + a, m - a)
    return PassThrough.apply(w, q.view_as(w))


class TLConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, two_level(self.weight), self.bias, self.stride, self.padding)


class TLLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, two_level(self.weight, per_channel=False), self.bias)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 20, 3, padding=1, bias=False), nn.BatchNorm2d(20),
            TLConv(20, 40, 3, padding=1, bias=False), nn.BatchNorm2d(40),
            nn.MaxPool2d(2),
            TLConv(40, 48, 3, padding=1, bias=False), nn.BatchNorm2d(48),
            nn.MaxPool2d(2),
        )
        self.fc1, self.bn1 = TLLinear(48 * 9, 64), nn.BatchNorm1d(64)
        self.fc2 = TLLinear(64, CLASSES)

    def forward(self, x):
        for layer in self.features:
            if isinstance(layer, TLConv):
                x = ActSign.apply(x)
            x = layer(x)
        x = ActSign.apply(x).flatten(1)
        x = ActSign.apply(self.bn1(self.fc1(x)))
        return self.fc2(x)


def fresh():
    torch.manual_seed(114)
    return Net()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "14_asymmetric_weights.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
