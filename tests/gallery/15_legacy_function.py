# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: PyTorch 0.2 of 2017; Functions with instance methods, Variables, volatile thinking, .cuda() in the constructor and in forward.

Idioms: legacy non-static autograd.Function called as BinActive()(x), one with two outputs (bits and the mean nobody uses), `.cuda()` on the model's tensors in forward,
`x.data` reads, F.max_pool2d conv->BN->pool->sign, old-style super, weights binarised by a helper object called once before evaluation (weights in
the module are already alpha*sign).  Today's eager PyTorch refuses to call such a Function: run it under gallery.old_machine().
"""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable

INPUT = (1, 14, 14)
CLASSES = 10
MEAN, STD = (0.1307,), (0.3081,)
STREAM = False
EXACT = not STREAM
TIE = None


class BinActive(torch.autograd.Function):
    '''binarize, and also give back the mean (used by nobody since 2016)'''
    def forward(self, input):
        self.save_for_backward(input)
        size = input.size()
        mean = torch.mean(input.abs(), 1, keepdim=True)
        input = input.sign()
        return input, mean

    def backward(self, grad_output, grad_output_mean):
        input, = self.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.ge(1)] = 0
        grad_input[input.le(-1)] = 0
        return grad_input


class BinOp():
    """collects the binary layers and overwrites their weights with alpha * sign(w)"""
    def __init__(self, model):
        self.target_modules = []
        for m in model.modules():
            if isinstance(m, nn.Conv2d) or isinstance(m, nn.Linear):
                self.target_modules.append(m.weight)
        self.target_modules = self.target_modules[1:-1]

    def binarization(self):
        for index in range(len(self.target_modules)):
            w = self.target_modules[index].data
            n = w[0].nelement()
            alpha = w.view(w.size(0), -1).abs().sum(1).div(n)
            alpha = alpha.view(-1, *([1] * (w.dim() - 1)))
            self.target_modules[index].data = w.sign() * alpha.expand_as(w)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 12, kernel_size=5, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(12).cuda()
        self.conv2 = nn.Conv2d(12, 30, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm2d(30).cuda()
        self.conv3 = nn.Conv2d(30, 34, kernel_size=3)
        self.bn3 = nn.BatchNorm2d(34).cuda()
        self.fc1 = nn.Linear(34 * 2 * 2, 60)
        self.bn4 = nn.BatchNorm1d(60)
        self.fc2 = nn.Linear(60, CLASSES)
        self.shift = torch.full((1, 30, 1, 1), 0.05).cuda()

    def forward(self, x):
        w0 = Variable(self.conv1.weight.data.sign())
        x = F.conv2d(x, w0, padding=2)
        x = F.max_pool2d(self.bn1(x), 2)
        x, mean = BinActive()(x)
        x = self.bn2(self.conv2(x)) + self.shift.cuda()
        x, mean = BinActive()(x)
        x = F.max_pool2d(self.bn3(self.conv3(x)), 2)
        x, _ = BinActive()(x)
        x = x.contiguous().view(-1, 34 * 2 * 2)
        x = self.bn4(self.fc1(x))
        x = BinActive()(x)[0]
        return F.log_softmax(self.fc2(x.cuda()), dim=1)


def fresh():
    torch.manual_seed(115)
    return Net()


def build():
    net = fresh()
    net.cuda()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'weights', '15_legacy_function.npz')
    state = np.load(path)
    net.load_state_dict({k: torch.from_numpy(state[k].astype('float32')) for k in state.files})
    bin_op = BinOp(net)
    bin_op.binarization()
    net.eval()
    return net
