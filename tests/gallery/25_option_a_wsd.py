# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: ResNet-20 people: LambdaLayer shortcuts, one shortcut per conv, Hardtanh stream, self-distributed weights.

Idioms: option-A shortcut (x[:, :, ::2, ::2] and zero channels on both sides), Hardtanh streams, sign(w + 0.01*sigmoid(alpha)*mean(w)), no
scaling factor, avg_pool2d of the whole map, BN1d before the last linear, custom Function with class-level name clash, dropout in eval.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function

INPUT = (1, 16, 16)
CLASSES = 10
MEAN, STD = (0.1307,), (0.3081,)
STREAM = True
EXACT = not STREAM
TIE = None


class relu(Function):       # yes, it is called relu.  it is a sign.
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return v.sign()

    @staticmethod
    def backward(ctx, g):
        v, = ctx.saved_tensors
        return g * (1 - torch.tanh(2 * v) ** 2) * 2


class LambdaLayer(nn.Module):
    def __init__(self, lambd):
        super(LambdaLayer, self).__init__()
        self.lambd = lambd

    def forward(self, x):
        return self.lambd(x)


class SDConv(nn.Conv2d):
    def __init__(self, i, o, stride=1):
        super(SDConv, self).__init__(i, o, 3, stride=stride, padding=1, bias=False)
        self.alpha = nn.Parameter(torch.zeros(o, 1, 1, 1), requires_grad=True)

    def forward(self, input):
        w = self.weight
        beta_w = w.mean((1, 2, 3)).view(-1, 1, 1, 1).detach()
        bw = relu.apply(w + torch.sigmoid(self.alpha) * 0.01 * beta_w)
        return F.conv2d(relu.apply(input), bw, None, self.stride, self.padding)


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super(BasicBlock, self).__init__()
        self.conv1, self.bn1 = SDConv(in_planes, planes, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = SDConv(planes, planes), nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            pad = (planes - in_planes) // 2
            self.shortcut = LambdaLayer(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, pad, planes - in_planes - pad), "constant", 0))

    def forward(self, x):
        out = F.hardtanh(self.bn1(self.conv1(x)) + self.shortcut(x))
        x1 = out
        out = self.bn2(self.conv2(out))
        out += x1
        return F.hardtanh(out)


class ResNet(nn.Module):
    def __init__(self, widths=(16, 32, 56), n=1):
        super(ResNet, self).__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        blocks, last = [], widths[0]
        for stage, w in enumerate(widths):
            for j in range(n):
                blocks.append(BasicBlock(last, w, 2 if stage and not j else 1))
                last = w
        self.layers = nn.Sequential(*blocks)
        self.drop = nn.Dropout2d(0.05)
        self.bn2 = nn.BatchNorm1d(last)
        self.linear = nn.Linear(last, CLASSES)

    def forward(self, x):
        out = F.hardtanh(self.bn1(self.conv1(x)))
        out = self.drop(self.layers(out))
        out = F.avg_pool2d(out, out.size()[3])
        out = out.view(out.size(0), -1)
        return self.linear(self.bn2(out))


def fresh():
    torch.manual_seed(125)
    return ResNet()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "25_option_a_wsd.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
