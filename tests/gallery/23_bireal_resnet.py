# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: Bi-Real net ports: BasicBlock with one conv and a shortcut around it, HardBinaryConv with flat weights.

Idioms: shortcut around every conv, average pool + real 1x1 conv + BN shortcut, real 3x3 stem with max pool, Bi-Real polynomial with
detach(), weights stored flat and viewed, mean(|w|) per output channel with nested means, stride 2, AdaptiveAvgPool, real Linear, no activation between
add and sign but PReLU per channel.
"""

import os.path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 16, 16)
CLASSES = 10
MEAN, STD = (0.3,), (0.35,)
STREAM = True
EXACT = not STREAM
TIE = None


class BinaryActivation(nn.Module):
    def __init__(self):
        super(BinaryActivation, self).__init__()

    def forward(self, x):
        out_forward = torch.sign(x)
        lo, mid, hi = x < -1, x < 0, x < 1
        p1 = (-1) * lo.type(torch.float32) + (x * x + 2 * x) * (1 - lo.type(torch.float32))
        p2 = p1 * mid.type(torch.float32) + (-x * x + 2 * x) * (1 - mid.type(torch.float32))
        p3 = p2 * hi.type(torch.float32) + 1 * (1 - hi.type(torch.float32))
        return out_forward.detach() - p3.detach() + p3


class HardBinaryConv(nn.Module):
    def __init__(self, in_chn, out_chn, kernel_size=3, stride=1, padding=1):
        super(HardBinaryConv, self).__init__()
        self.stride = stride
        self.padding = padding
        self.number_of_weights = in_chn * out_chn * kernel_size * kernel_size
        self.shape = (out_chn, in_chn, kernel_size, kernel_size)
        self.weights = nn.Parameter(torch.rand((self.number_of_weights, 1)) * 0.4 - 0.2, requires_grad=True)

    def forward(self, x):
        real_weights = self.weights.view(self.shape)
        scaling_factor = torch.mean(torch.mean(torch.mean(abs(real_weights), dim=3, keepdim=True), dim=2, keepdim=True), dim=1, keepdim=True)
        scaling_factor = scaling_factor.detach()
        binary_weights_no_grad = scaling_factor * torch.sign(real_weights)
        cliped_weights = torch.clamp(real_weights, -1.0, 1.0)
        binary_weights = binary_weights_no_grad.detach() - cliped_weights.detach() + cliped_weights
        return F.conv2d(x, binary_weights, stride=self.stride, padding=self.padding)


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super(BasicBlock, self).__init__()
        self.binary_activation = BinaryActivation()
        self.binary_conv = HardBinaryConv(inplanes, planes, stride=stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.PReLU(planes)
        self.downsample = downsample

    def forward(self, x):
        residual = x
        out = self.binary_activation(x)
        out = self.binary_conv(out)
        out = self.bn1(out)
        if self.downsample is not None:
            residual = self.downsample(x)
        out += residual
        return self.relu(out)


class BiRealNet(nn.Module):
    def __init__(self, block, layers):
        super(BiRealNet, self).__init__()
        self.inplanes = 24
        self.conv1 = nn.Conv2d(1, 24, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 24, layers[0])
        self.layer2 = self._make_layer(block, 48, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(48, CLASSES)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes:
            downsample = nn.Sequential(
                nn.AvgPool2d(kernel_size=2, stride=stride),
                nn.Conv2d(self.inplanes, planes, kernel_size=1, bias=False),
                nn.BatchNorm2d(planes),
            )
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.avgpool(x)
        x = x.view(x.size(0), -1)
        return self.fc(x)


def fresh():
    torch.manual_seed(123)
    return BiRealNet(BasicBlock, [3, 3])


def build():
    model = fresh()
    here = os.path.dirname(os.path.abspath(__file__))
    checkpoint = np.load(os.path.join(here, 'weights', '23_bireal_resnet.npz'))
    model.load_state_dict({k: torch.from_numpy(checkpoint[k].astype(np.float32)) for k in checkpoint.files})
    return model.eval()
