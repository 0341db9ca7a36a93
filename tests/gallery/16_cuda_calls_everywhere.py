# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: code that never saw a machine without a GPU, saved from nn.DataParallel (keys begin with `module.`).

Idioms: `.cuda()` in constructor and forward (unconditional), DataParallel-prefixed state dict, wrapping in DataParallel at build, learnable scale per channel
(half of them negative) times sign(w), sign(x / std) with std over C, H, W of one sample, ThresholdedSign buffers, Hardtanh before sign, Dropout2d.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 9, 9)
CLASSES = 10
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
STREAM = False
EXACT = not STREAM
TIE = None


class ActBin(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * (2 - 2 * x.abs()).clamp(min=0)


class ScaledActBin(nn.Module):
    def __init__(self, eps=1e-5):
        super().__init__()
        self.eps = torch.tensor(eps).cuda()

    def forward(self, a):
        sigma = torch.sqrt(a.var([1, 2, 3], keepdim=True) + self.eps.cuda())
        return ActBin.apply(a / sigma.detach())


class GainConv(nn.Module):
    def __init__(self, cin, cout, k, stride=1):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin, k, k))
        nn.init.xavier_normal_(self.weight)
        self.alpha = nn.Parameter(torch.rand(cout, 1, 1).cuda() - 0.5)
        self.stride, self.pad = stride, k // 2

    def forward(self, x):
        w = self.weight.cuda()
        hard = torch.sign(w)
        return F.conv2d(x.cuda(), hard, stride=self.stride, padding=self.pad) * self.alpha


class Stage(nn.Module):
    def __init__(self, cin, cout, k, stride=1):
        super().__init__()
        self.conv = GainConv(cin, cout, k, stride)
        self.bn = nn.BatchNorm2d(cout).cuda()
        self.nonlinear = nn.Hardtanh()
        self.drop = nn.Dropout2d(0.1)
        self.act = ScaledActBin()

    def forward(self, x):
        return self.act(self.drop(self.nonlinear(self.bn(self.conv(x)))))


class CudaNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.Sequential(Stage(3, 22, 3), Stage(22, 35, 3, 2), Stage(35, 45, 1), Stage(45, 25, 5, 2))
        self.classifier = nn.Linear(25 * 3 * 3, CLASSES).cuda()

    def forward(self, x):
        x = x.cuda()
        x = self.stages(x)
        return self.classifier(x.view(x.size()[0], -1))


def fresh():
    torch.manual_seed(116)
    return CudaNet()


def to_checkpoint(state):
    """what torch.save(model.state_dict()) of the DataParallel-wrapped model would have held"""
    return {"module." + k: v for k, v in state.items()}


def build():
    model = fresh().cuda()
    checkpoint = np.load(Path(__file__).parent / "weights" / "16_cuda_calls_everywhere.npz")
    new_state_dict = OrderedDict()
    for k in checkpoint.files:
        name = k[7:]  # remove `module.`
        new_state_dict[name] = torch.from_numpy(checkpoint[k].astype(np.float32))
    model.load_state_dict(new_state_dict)
    return model.eval()
