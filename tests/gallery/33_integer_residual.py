# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: an FPGA paper: "our residuals are integers": bits are added to sums, two convs are added before one sign.

Idioms: shortcut of +-1 bits added to integer sums before BN, sum of two binary convs (3x3 and 1x1) of the same bits, concatenation of bits with earlier bits, everything exact: no scale, no
real path; BN after the add; global sum instead of average.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 12, 12)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = False
EXACT = not STREAM
TIE = None


def bit(x):
    return torch.where(x > 0, 1.0, -1.0)


class Conv(nn.Module):
    def __init__(self, i, o, k, s=1):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(o, i, k, k))
        self.args = (None, s, k // 2)

    def forward(self, x):
        return F.conv2d(x, bit(self.kernel), *self.args)


class IntResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c0, self.n0 = Conv(1, 24, 3), nn.BatchNorm2d(24)
        self.c1, self.n1 = Conv(24, 24, 3), nn.BatchNorm2d(24)
        self.c2a, self.c2b, self.n2 = Conv(24, 40, 3, 2), Conv(24, 40, 1, 2), nn.BatchNorm2d(40)
        self.c3, self.n3 = Conv(40, 40, 3), nn.BatchNorm2d(40)
        self.c4 = Conv(80, CLASSES, 3)

    def forward(self, x):
        x = bit(self.n0(self.c0(x)))
        x = bit(self.n1(self.c1(x) + 3 * x))
        x = bit(self.n2(self.c2a(x) + self.c2b(x)))
        y = bit(self.n3(self.c3(x)))
        x = self.c4(torch.cat((x, y), dim=1))
        return x.sum(dim=(2, 3))


def fresh():
    torch.manual_seed(133)
    return IntResNet()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "33_integer_residual.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
