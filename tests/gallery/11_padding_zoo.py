# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a TensorFlow refugee who wants SAME padding; every conv is `valid` and every border is explicit.

Idioms: F.pad asymmetric (0, 1, 0, 1) with -1 on bits, +1 padding, 0 padding only on the left and top, replicate and reflect padding of bits,
padding_mode='reflect' and 'replicate' of nn.Conv2d, nn.ZeroPad2d and nn.ConstantPad2d modules, ReflectionPad2d before BN (commutes), padding='same' with an even
kernel, 7x7 and 2x2 kernels, zero padding of a normalised input with a nonzero mean.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 11, 11)
CLASSES = 10
MEAN, STD = (0.42,), (0.25,)
STREAM = False
EXACT = not STREAM
TIE = None


class SignFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, g):
        return g * (ctx.saved_tensors[0].abs() < 1)


class BinConv(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, SignFn.apply(self.weight), self.bias)


class Bits(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        return SignFn.apply(self.bn(x))


class PadNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.s1 = BinConv(1, 9, 7, padding=3, bias=False), Bits(9)
        self.c2, self.s2 = BinConv(9, 14, 2, bias=False), Bits(14)
        self.pad_one = nn.ConstantPad2d((1, 1, 1, 1), 1.0)
        self.c3, self.s3 = BinConv(14, 17, 3, bias=False), Bits(17)
        self.pad_zero = nn.ZeroPad2d((2, 0, 2, 0))
        self.c4, self.s4 = BinConv(17, 13, 3, stride=2, bias=False), Bits(13)
        self.c5, self.s5 = BinConv(13, 19, 3, padding=1, padding_mode="reflect", bias=False), Bits(19)
        self.c6, self.s6 = BinConv(19, 22, 5, padding=2, padding_mode="replicate", bias=False), Bits(22)
        self.pad_mirror = nn.ReflectionPad2d((1, 0, 0, 1))
        self.c7, self.s7 = BinConv(22, 16, 2, bias=False), Bits(16)
        self.c8, self.s8 = BinConv(16, 23, 2, padding="same", bias=False), Bits(23)
        self.c9, self.s9 = BinConv(23, 21, (3, 5), padding=(1, 0), bias=False), Bits(21)
        self.head = nn.Conv2d(21, CLASSES, kernel_size=(6, 2))

    def forward(self, x):
        x = self.s1(self.c1(x))                                     # 11
        x = F.pad(x, (0, 1, 0, 1), value=-1)
        x = self.s2(self.c2(x))                                     # 11
        x = self.s3(self.c3(self.pad_one(x)))                       # 11
        x = self.s4(self.c4(self.pad_zero(x)))                      # 6
        x = self.s5(self.c5(x))
        x = self.s6(self.c6(x))
        x = self.s7.bn(self.pad_mirror(self.c7(x)))                 # pad between conv and norm: 5 -> 6
        x = SignFn.apply(x)
        x = self.s8(self.c8(x))
        x = F.pad(x, [1, 0, 0, 0], mode="replicate")
        x = F.pad(x, [0, 0, 1, 0], "constant", 0)
        x = self.s9(self.c9(x[:, :, 1:, :6]))
        return self.head(x).view(-1, CLASSES)


def fresh():
    torch.manual_seed(111)
    return PadNet()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "11_padding_zoo.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
