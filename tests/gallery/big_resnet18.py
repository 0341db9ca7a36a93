# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: ReActNet-like ResNet-18 of CIFAR size, random weights.  Only for the limits of time and memory of an export.

Idioms: real stem, 16 binary 3x3 convs of 64..512 channels with a shortcut around each, RSign, RPReLU, avg pool + real 1x1 shortcuts, 11 million weights.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 32, 32)
CLASSES = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STREAM = True
EXACT = not STREAM
TIE = 1  # a weight or two is exactly 0


class Shift(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.b = nn.Parameter(torch.randn(1, c, 1, 1) * 0.1)

    def forward(self, x):
        return x + self.b


class BinConv(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(o, i, 3, 3) * 0.02)
        self.stride = stride

    def forward(self, x):
        a = self.weight.abs().mean((1, 2, 3), keepdim=True)
        hard, soft = a * self.weight.sign(), self.weight.clamp(-1, 1)
        return F.conv2d(x, hard.detach() - soft.detach() + soft, stride=self.stride, padding=1)


class Unit(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.rsign = Shift(i)
        self.conv, self.bn = BinConv(i, o, stride), nn.BatchNorm2d(o)
        self.s1, self.prelu, self.s2 = Shift(o), nn.PReLU(o), Shift(o)
        self.short = None
        if stride != 1 or i != o:
            self.short = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        h = self.rsign(x)
        soft = h.clamp(-1, 1)
        h = torch.sign(h).detach() - soft.detach() + soft
        h = self.bn(self.conv(h))
        h = h + (x if self.short is None else self.short(x))
        return self.s2(self.prelu(self.s1(h)))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64))
        units, last = [], 64
        for width, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
            for at in range(4):
                units.append(Unit(last, width, first if at == 0 else 1))
                last = width
        self.units = nn.Sequential(*units)
        self.fc = nn.Linear(512, CLASSES)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.units(self.stem(x)), 1).flatten(1))


def build():
    torch.manual_seed(18)
    net = ResNet18()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.weight, 0.5, 1.5)
            m.weight.data *= torch.where(torch.rand_like(m.weight) < 0.1, -1.0, 1.0)
            nn.init.normal_(m.bias, std=0.2)
            m.momentum = None
        if isinstance(m, nn.PReLU):
            nn.init.uniform_(m.weight, -0.2, 0.4)
    with torch.no_grad():
        net.train()(torch.randn(8, 3, 32, 32))
    return net.eval()
