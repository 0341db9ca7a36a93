# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: XNOR-Net ports: the block normalises first, binarizes, convolves, then ReLU; weights are prepared by a helper.

Idioms: BN -> sign -> conv -> ReLU -> pool order (pre-activation), sign(w - mean) of centred and clamped weights, mean(|w|)
per output channel, conv bias, first layer of k/127 weights quantised by the author, Dropout in eval, max pool after ReLU,
final k/127 conv head with average of its map outside (flatten of 1x1).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 14, 14)
CLASSES = 10
MEAN, STD = (0.1307,), (0.3081,)
STREAM = False
EXACT = not STREAM
TIE = 1  # a weight or two is exactly 0


class BinActive(torch.autograd.Function):
    '''Binarize the input activations'''

    @staticmethod
    def forward(self, input):
        self.save_for_backward(input)
        input = input.sign()
        return input

    @staticmethod
    def backward(self, grad_output):
        input, = self.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.ge(1)] = 0
        grad_input[input.le(-1)] = 0
        return grad_input


def mean_center_and_clamp(w):
    neg_mean = w.mean(1, keepdim=True).mul(-1).expand_as(w)
    return w.add(neg_mean).clamp(-1.0, 1.0)


def xnor_weight(w):
    w = mean_center_and_clamp(w)
    n = w[0].nelement()
    m = w.norm(1, 3, keepdim=True).sum(2, keepdim=True).sum(1, keepdim=True).div(n)
    return (w.sign().mul(m.expand(w.size())) - w).detach() + w


class BinConv2d(nn.Module):
    def __init__(self, input_channels, output_channels, kernel_size=-1, stride=-1, padding=-1, dropout=0):
        super().__init__()
        self.layer_type = 'BinConv2d'
        self.bn = nn.BatchNorm2d(input_channels, eps=1e-4, momentum=0.1, affine=True)
        self.dropout_ratio = dropout
        if dropout != 0:
            self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv2d(input_channels, output_channels, kernel_size=kernel_size, stride=stride, padding=padding)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.bn(x)
        x = BinActive.apply(x)
        if self.dropout_ratio != 0:
            x = self.dropout(x)
        x = F.conv2d(x, xnor_weight(self.conv.weight), self.conv.bias, self.conv.stride, self.conv.padding)
        return self.relu(x)


class QConv127(nn.Conv2d):
    """8-bit first layer: weights are k/127 of the largest, one scale for the layer."""

    def forward(self, x):
        s = self.weight.detach().abs().max() / 127
        q = torch.round(self.weight / s) * s
        return F.conv2d(x, self.weight + (q - self.weight).detach() if self.training else q, None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.xnor = nn.Sequential(
            QConv127(1, 16, 5, padding=2, bias=False),
            nn.BatchNorm2d(16, eps=1e-4),
            nn.ReLU(inplace=True),
            BinConv2d(16, 32, kernel_size=1, stride=1, padding=0),
            BinConv2d(32, 24, kernel_size=3, stride=1, padding=1),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            BinConv2d(24, 48, kernel_size=5, stride=2, padding=2, dropout=0.5),
            BinConv2d(48, 32, kernel_size=4, stride=1, padding=0),
            nn.BatchNorm2d(32, eps=1e-4),
        )
        self.out = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = self.xnor(x)
        x = BinActive.apply(x)
        return self.out(x.view(x.size(0), x.size(1)))


def fresh():
    torch.manual_seed(104)
    return Net()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / 'weights' / '04_xnor_relu.npz')
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    for m in net.modules():
        m.training = False
    return net
