# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: sloppy but honest: weights pruned to 0 by weight decay, torch.sign of integer sums; "we treat sign(0) as +1 on chip".

Idioms: weights ternary by accident (sign(0) = 0 at a few taps), torch.sign with a reachable 0 on even integer sums.  Needs a tie rule of +1: PyTorch itself computes with zeros.
`tied(net)` is what the author means: the same network with both ties put in by hand; it is the reference for bits.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 10, 10)
CLASSES = 10
MEAN, STD = (0.5,), (0.5,)
STREAM = False
EXACT = not STREAM
TIE = +1


class BinarySign(nn.Module):
    def forward(self, x):
        return torch.sign(x)


class ChipSign(nn.Module):
    """the chip's sign"""

    def forward(self, x):
        return (x >= 0).float() * 2 - 1


class BinaryLayer(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, torch.sign(self.weight), None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c0 = BinaryLayer(1, 18, 3, padding=1, bias=False)
        self.n0 = nn.BatchNorm2d(18)
        self.s0 = BinarySign()
        self.c1 = BinaryLayer(18, 26, 3, bias=False)
        self.s1 = BinarySign()
        self.c2 = BinaryLayer(26, 30, 4, stride=2, bias=False)
        self.s2 = BinarySign()
        self.fc = nn.Linear(30 * 9, CLASSES)

    def forward(self, x):
        x = self.s0(self.n0(self.c0(x)))
        x = self.s1(self.c1(x))
        x = self.s2(self.c2(x))
        return self.fc(x.flatten(1))


def tied(net):
    """A network whose zeros were made +1 by hand."""
    other = fresh()
    other.load_state_dict(net.state_dict())
    for name in ("c0", "c1", "c2"):
        w = getattr(other, name).weight
        w.data = torch.where(w == 0, torch.ones_like(w), w)
    other.s0, other.s1, other.s2 = ChipSign(), ChipSign(), ChipSign()
    return other.eval()


def fresh():
    torch.manual_seed(121)
    net = Net()
    for layer in (net.c1, net.c2):
        w = layer.weight.data.view(-1)
        w[torch.randperm(len(w))[:7]] = 0.0
    return net


def to_checkpoint(state):
    """the zeros survive rounding: put them back where they were"""
    first = fresh().state_dict()
    return {k: np.where(first[k].numpy() == 0, 0, v).astype(v.dtype) if k in ("c1.weight", "c2.weight") else v for k, v in state.items()}


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "21_tie_rule.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
