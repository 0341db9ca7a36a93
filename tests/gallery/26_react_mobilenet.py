# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: ReActNet-A ports: learnable biases around everything, a concatenation instead of a widening convolution.

Idioms: sign(x + b[c]), RPReLU (shift, PReLU, shift), shortcut around the 3x3 and around the 1x1 binary conv, channel doubling by torch.cat of
two 1x1 branches on the same bits, AvgPool2d(2,2) shortcut, strided real stem, mean(|w|) scale per channel, adaptive average pool, some negative PReLU slopes.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (3, 16, 16)
CLASSES = 10
MEAN, STD = (0.3, 0.25, 0.7), (0.35, 0.27, 0.35)
STREAM = True
EXACT = not STREAM
TIE = None

stage_out_channel = [16] + [32] + [32] + [64] + [64]


class firstconv3x3(nn.Module):
    def __init__(self, inp, oup, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, oup, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(oup)

    def forward(self, x):
        return self.bn1(self.conv1(x))


class BinaryActivation(nn.Module):
    def forward(self, x):
        hard = torch.sign(x)
        c = x.clamp(-1, 1)
        soft = torch.where(x < 0, c * c + 2 * c, 2 * c - c * c)
        return hard.detach() - soft.detach() + soft


class LearnableBias(nn.Module):
    def __init__(self, out_chn):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, out_chn, 1, 1), requires_grad=True)

    def forward(self, x):
        out = x + self.bias.expand_as(x)
        return out


class HardBinaryConv(nn.Module):
    def __init__(self, in_chn, out_chn, kernel_size=3, stride=1, padding=1):
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.randn(out_chn, in_chn, kernel_size, kernel_size) * 0.1)

    def forward(self, x):
        real = self.weight
        scale = torch.mean(abs(real), dim=(1, 2, 3), keepdim=True).detach()
        hard = scale * torch.sign(real)
        soft = torch.clamp(real, -1.0, 1.0)
        return F.conv2d(x, hard.detach() - soft.detach() + soft, stride=self.stride, padding=self.padding)


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.move11 = LearnableBias(inplanes)
        self.binary_3x3 = HardBinaryConv(inplanes, inplanes, stride=stride)
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.move12, self.prelu1, self.move13 = LearnableBias(inplanes), nn.PReLU(inplanes), LearnableBias(inplanes)
        self.move21 = LearnableBias(inplanes)
        if inplanes == planes:
            self.binary_pw = HardBinaryConv(inplanes, planes, 1, padding=0)
            self.bn2 = nn.BatchNorm2d(planes)
        else:
            self.binary_pw_down1 = HardBinaryConv(inplanes, inplanes, 1, padding=0)
            self.binary_pw_down2 = HardBinaryConv(inplanes, inplanes, 1, padding=0)
            self.bn2_1, self.bn2_2 = nn.BatchNorm2d(inplanes), nn.BatchNorm2d(inplanes)
        self.move22, self.prelu2, self.move23 = LearnableBias(planes), nn.PReLU(planes), LearnableBias(planes)
        self.binary_activation = BinaryActivation()
        self.stride, self.inplanes, self.planes = stride, inplanes, planes
        if self.inplanes != self.planes:
            self.pooling = nn.AvgPool2d(2, 2)

    def forward(self, x):
        out1 = self.move11(x)
        out1 = self.binary_activation(out1)
        out1 = self.binary_3x3(out1)
        out1 = self.bn1(out1)
        if self.stride == 2:
            x = self.pooling(x)
        out1 = x + out1
        out1 = self.move13(self.prelu1(self.move12(out1)))
        out2 = self.binary_activation(self.move21(out1))
        if self.inplanes == self.planes:
            out2 = self.bn2(self.binary_pw(out2))
            out2 += out1
        else:
            assert self.planes == self.inplanes * 2
            out2_1 = self.bn2_1(self.binary_pw_down1(out2))
            out2_2 = self.bn2_2(self.binary_pw_down2(out2))
            out2_1 += out1
            out2_2 += out1
            out2 = torch.cat([out2_1, out2_2], dim=1)
        return self.move23(self.prelu2(self.move22(out2)))


class reactnet(nn.Module):
    def __init__(self, num_classes=CLASSES):
        super().__init__()
        self.feature = nn.ModuleList()
        for i in range(len(stage_out_channel)):
            if i == 0:
                self.feature.append(firstconv3x3(3, stage_out_channel[i], 1))
            elif stage_out_channel[i - 1] != stage_out_channel[i]:
                self.feature.append(BasicBlock(stage_out_channel[i - 1], stage_out_channel[i], 2))
            else:
                self.feature.append(BasicBlock(stage_out_channel[i - 1], stage_out_channel[i], 1))
        self.pool1 = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        for i, block in enumerate(self.feature):
            x = block(x)
        x = self.pool1(x)
        x = x.view(x.size(0), -1)
        return self.fc(x)


def fresh():
    torch.manual_seed(126)
    net = reactnet()
    for module in net.modules():        # a few slopes start (and stay) below zero, as trained ReActNets have them
        if isinstance(module, nn.PReLU):
            module.weight.data[::7] = -0.15
    return net


def build():
    net = fresh()
    with np.load(Path(__file__).parent / "weights" / "26_react_mobilenet.npz") as z:
        net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
