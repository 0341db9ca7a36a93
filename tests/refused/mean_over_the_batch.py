# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Each image is normalised by the mean of the whole batch: the answer depends on its neighbours.  With a batch of one
it is a different network.  The user should be told that the batch axis is reduced."""

import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 8, 8)
REASON = ["axes [0]", "batch"]


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, g):
        return g


class BConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, Sign.apply(self.weight), None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.n1 = BConv(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.c2, self.n2 = BConv(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = Sign.apply(self.n1(self.c1(x)))
        y = self.n2(self.c2(x))
        x = Sign.apply(y - y.mean(0, keepdim=True) + 0.1)  # REFUSED
        return self.fc(x.mean((2, 3)))


def settle(net):
    """Batch-norm statistics as if it had been trained."""
    for m in net.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) and m.running_var is not None:
            m.running_mean.normal_(0, 2.0)
            m.running_var.uniform_(20.0, 60.0)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, 0, 0.3)
    return net.eval()


def build():
    torch.manual_seed(7)
    return settle(Net())
