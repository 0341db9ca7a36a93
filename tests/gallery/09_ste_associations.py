# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: nobody in this lab writes autograd Functions; every straight-through trick is an expression with detach().

Idioms: hard.detach() - soft.detach() + soft; soft + (hard - soft).detach(); (soft - soft.detach()) + hard;
hard + (soft - soft.detach()); (hard + soft) - soft.detach(); -soft.detach() + soft + hard; soft = clamp, Hardtanh, tanh, the Bi-Real polynomial; the same
tricks on weights with a scale per channel; sign(x + b[c]).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.25,), (0.37,)
STREAM = False
EXACT = not STREAM
TIE = None


def act_a(x):
    hard = torch.sign(x)
    soft = torch.clamp(x, -1, 1)
    return hard.detach() - soft.detach() + soft


def act_b(x):
    soft = F.hardtanh(x)
    return soft + (torch.sign(x) - soft).detach()


def act_c(x):
    soft = torch.tanh(x)
    return (soft - soft.detach()) + torch.sign(x).detach()


def act_d(x):
    # piecewise polynomial of Bi-Real net, written with masks
    out_forward = torch.sign(x)
    mask1 = x < -1
    mask2 = x < 0
    mask3 = x < 1
    out1 = (-1) * mask1.type(torch.float32) + (x * x + 2 * x) * (1 - mask1.type(torch.float32))
    out2 = out1 * mask2.type(torch.float32) + (-x * x + 2 * x) * (1 - mask2.type(torch.float32))
    out3 = out2 * mask3.type(torch.float32) + 1 * (1 - mask3.type(torch.float32))
    return out_forward + (out3 - out3.detach())


def act_e(x):
    soft = x.clamp(-1.0, 1.0)
    hard = torch.where(x > 0, torch.ones_like(x), -torch.ones_like(x))
    return (hard + soft) - soft.detach()


def act_f(x):
    soft = F.hardtanh(x * 0.5)
    return -soft.detach() + soft + x.sign().detach()


class ScaledConv(nn.Conv2d):
    def forward(self, x):
        w = self.weight
        scale = w.abs().mean(dim=(1, 2, 3), keepdim=True).detach()
        hard = scale * torch.sign(w)
        clipped = torch.clamp(w, -1.0, 1.0)
        wb = hard.detach() - clipped.detach() + clipped
        return F.conv2d(x, wb, self.bias, self.stride, self.padding, self.dilation, self.groups)


class LayerScaledConv(nn.Conv2d):
    def forward(self, x):
        hard = self.weight.abs().mean() * self.weight.sign()
        wb = self.weight + (hard - self.weight).detach()
        return F.conv2d(x, wb, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = ScaledConv(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.shift = nn.Parameter(torch.zeros(1, 16, 1, 1))
        self.conv2 = LayerScaledConv(16, 26, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(26)
        self.conv3 = ScaledConv(26, 38, 3, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(38)
        self.conv4 = LayerScaledConv(38, 44, 1, bias=True)
        self.bn4 = nn.BatchNorm2d(44)
        self.conv5 = ScaledConv(44, 32, 3, stride=2, bias=False)
        self.bn5 = nn.BatchNorm2d(32)
        self.conv6 = ScaledConv(32, 32, 2, bias=False)
        self.bn6 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = act_a(self.bn1(self.conv1(x)) + self.shift)
        x = act_b(self.bn2(self.conv2(x)))
        x = act_c(self.bn3(self.conv3(x)))
        x = act_d(self.bn4(self.conv4(x)))
        x = act_e(self.bn5(self.conv5(x)))
        x = act_f(self.bn6(self.conv6(x)))
        return self.fc(x.flatten(1))


def fresh():
    torch.manual_seed(109)
    return Net()


def build():
    net = fresh()
    saved = np.load(Path(__file__).parent / "weights" / "09_ste_associations.npz")
    net.load_state_dict({k: torch.from_numpy(saved[k].astype(np.float32)) for k in saved.files})
    return net.eval()
