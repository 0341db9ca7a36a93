# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: the first BinaryNet ports.  nn.Linear is subclassed, the latent weight hides in `weight.org`.

Idioms: `.data` written in forward, `weight.org`, torch.sign through `.data` of the activation, sign(w), first layer
takes real inputs, BatchNorm1d, Hardtanh before the sign, Dropout in eval, LogSoftmax head, widths 50 and 36.
"""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (64,)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = False
EXACT = not STREAM
TIE = None


def Binarize(tensor, quant_mode='det'):
    if quant_mode == 'det':
        return tensor.sign()
    raise NotImplementedError(quant_mode)


class BinLinear(nn.Linear):
    def __init__(self, *kargs, first=False, **kwargs):
        super(BinLinear, self).__init__(*kargs, **kwargs)
        self.first = first

    def forward(self, input):
        if not self.first:
            input.data = Binarize(input.data)
        if not hasattr(self.weight, 'org'):
            self.weight.org = self.weight.data.clone()
        self.weight.data = Binarize(self.weight.org)
        out = F.linear(input, self.weight)
        if self.bias is not None:
            self.bias.org = self.bias.data.clone()
            out += self.bias.view(1, -1).expand_as(out)
        return out


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = BinLinear(64, 50, first=True)
        self.htanh1 = nn.Hardtanh()
        self.bn1 = nn.BatchNorm1d(50)
        self.fc2 = BinLinear(50, 72)
        self.htanh2 = nn.Hardtanh()
        self.bn2 = nn.BatchNorm1d(72)
        self.fc3 = BinLinear(72, 36)
        self.htanh3 = nn.Hardtanh()
        self.bn3 = nn.BatchNorm1d(36)
        self.fc4 = nn.Linear(36, 10)
        self.logsoftmax = nn.LogSoftmax(dim=1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = x.view(-1, 64)
        x = self.fc1(x)
        x = self.bn1(x)
        x = self.htanh1(x)
        x = self.fc2(x)
        x = self.bn2(x)
        x = self.htanh2(x)
        x = self.fc3(x)
        x = self.drop(x)
        x = self.bn3(x)
        x = self.htanh3(x)
        x.data = Binarize(x.data)
        x = self.fc4(x)
        return self.logsoftmax(x)


def fresh():
    torch.manual_seed(101)
    return Net()


def build():
    net = fresh()
    ckpt = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'weights', '01_binarynet_mlp.npz'))
    net.load_state_dict({key: torch.from_numpy(ckpt[key].astype('float32')) for key in ckpt.files})
    net.eval()
    return net
