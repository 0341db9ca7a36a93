# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: dataclass config and einops-free shape tricks; a pre-activation residual net with split and shuffled streams.

Idioms: pre-activation order (BN -> sign -> conv) with residual adds, avg pool + zero-padded channels (at the end) shortcut, split of a real stream by slicing
and by torch.split, channel shuffle of a real stream, Hardtanh stream, layer-wise scale, weight standardisation before sign, Softmax head, 5x5 binary conv.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 14, 14)
CLASSES = 10
MEAN = STD = None
STREAM = True
EXACT = not STREAM
TIE = None


@dataclass
class Cfg:
    width: int = 24
    out: int = 40
    k: int = 3


class StdSignConv(nn.Conv2d):
    """weight standardisation, sign, one scale for the whole layer"""

    def forward(self, x):
        var, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        w = (self.weight - mean) * torch.rsqrt(var + 1e-5)
        hard = torch.sign(w)
        w = w + (hard - w).detach()
        return F.conv2d(x, w * self.weight.abs().mean(), self.bias, self.stride, self.padding)


def q(x):
    y = F.hardtanh(x)
    return y + (x.sign() - y).detach()


class PreAct(nn.Module):
    def __init__(self, cin, cout, stride, k):
        super().__init__()
        self.n1, self.c1 = nn.BatchNorm2d(cin), StdSignConv(cin, cout, k, stride, k // 2, bias=False)
        self.n2, self.c2 = nn.BatchNorm2d(cout), StdSignConv(cout, cout, 3, 1, 1, bias=False)
        self.stride, self.extra = stride, cout - cin

    def forward(self, x):
        y = self.c1(q(self.n1(x)))
        y = self.c2(q(self.n2(y)))
        s = x
        if self.stride == 2:
            s = F.avg_pool2d(s, 2)
        if self.extra:
            zeros = torch.zeros(s.size(0), self.extra, s.size(2), s.size(3), device=s.device)
            s = torch.cat([s, zeros], 1)
        return F.hardtanh(s + y, -3.0, 3.0)


class SplitUnit(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = PreAct(c // 2, c // 2, 1, 3)
        self.norm = nn.BatchNorm2d(c // 2)

    def forward(self, x):
        half = x.size(1) // 2
        keep, work = torch.split(x, half, dim=1)
        y = torch.cat([self.body(work), F.hardtanh(self.norm(keep))], dim=1)
        n, c, h, w = y.shape
        return y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Net(nn.Module):
    def __init__(self, cfg=Cfg()):
        super().__init__()
        self.input_mean, self.input_std = 0.1307, 0.3081
        self.stem = nn.Conv2d(1, cfg.width, 3, padding=1)
        self.body = nn.Sequential(
            PreAct(cfg.width, cfg.width, 1, 5),
            SplitUnit(cfg.width),
            PreAct(cfg.width, cfg.out, 2, 3),
            SplitUnit(cfg.out),
        )
        self.norm = nn.BatchNorm2d(cfg.out)
        self.out = nn.Linear(cfg.out, CLASSES)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        x = self.stem((x - self.input_mean) / self.input_std)
        x = self.norm(self.body(x))
        x = F.hardtanh(x)
        x = self.out(F.adaptive_avg_pool2d(x, (1, 1)).squeeze(-1).squeeze(-1))
        return x if self.training else self.softmax(x)


def fresh():
    torch.manual_seed(128)
    return Net()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "28_preact_split.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
