# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: the torchvision-shaped BasicBlock with convs swapped; shortcut around two convs, real 1x1 downsample.

Idioms: residual around two convs, real strided 1x1 shortcut conv + BN on the stream, Hardtanh after every BN and after the
add (bounded stream), sign inside the conv's forward, IR-Net like weights (w - mean) / std then sign times a power of two, avg pool 4 -> BN1d -> Linear,
LogSoftmax.
"""

from pathlib import Path

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 16, 16)
CLASSES = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STREAM = True
EXACT = not STREAM
TIE = None


class BinaryQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, k, t):
        ctx.save_for_backward(input, k, t)
        return torch.sign(input)

    @staticmethod
    def backward(ctx, grad_output):
        input, k, t = ctx.saved_tensors
        return k * t * (1 - torch.pow(torch.tanh(input * t), 2)) * grad_output, None, None


class IRConv2d(nn.Conv2d):
    def __init__(self, *args, **kw):
        super().__init__(*args, bias=False, **kw)
        self.k = torch.tensor([1.0])
        self.t = torch.tensor([1.0])

    def forward(self, input):
        w = self.weight
        a = input
        bw = w - w.view(w.size(0), -1).mean(-1).view(w.size(0), 1, 1, 1)
        bw = bw / bw.view(bw.size(0), -1).std(-1).view(bw.size(0), 1, 1, 1)
        sw = torch.pow(torch.tensor([2.0] * bw.size(0)), (torch.log(bw.abs().view(bw.size(0), -1).mean(-1)) / math.log(2)).round().float()).view(bw.size(0), 1, 1, 1).detach()
        bw = BinaryQuantize.apply(bw, self.k, self.t)
        ba = BinaryQuantize.apply(a, self.k, self.t)
        bw = bw * sw
        return F.conv2d(ba, bw, self.bias, self.stride, self.padding, self.dilation, self.groups)


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = IRConv2d(inplanes, planes, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.nonlinear = nn.Hardtanh(inplace=True)
        self.conv2 = IRConv2d(planes, planes, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = self.nonlinear(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += residual
        return self.nonlinear(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.act = nn.Hardtanh(inplace=True)
        self.layer1 = BasicBlock(16, 16)
        self.layer2 = BasicBlock(16, 32, 2)
        self.layer3 = BasicBlock(32, 48, 2)
        self.bn2 = nn.BatchNorm1d(48)
        self.fc = nn.Linear(48, CLASSES)
        self.logsoftmax = nn.LogSoftmax(dim=1)

    def forward(self, x):
        x = self.act(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.avg_pool2d(x, 4)
        x = x.view(x.size(0), -1)
        x = self.bn2(x)
        return self.logsoftmax(self.fc(x))


def fresh():
    torch.manual_seed(124)
    return ResNet()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "24_classic_resnet.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
