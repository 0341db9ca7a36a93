# SPDX-License-Identifier: Apache-2.0
"""ReActNet's MobileNet (arXiv 2003.03488 section 4; the backbone of DyBCNN, arXiv 2211.02292), for small images."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.nn.network import Network

WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


class Block(nn.Module):
    """A 3x3 and then a 1x1 binary convolution, each with a shortcut and an activation of its own.

        p = activate(norm(conv3x3(binarize(x))) + x)                    x average-pooled where the stride is 2
        y = activate(norm(conv1x1(binarize(p))) + p)                    as many channels
        y = activate(cat of two such sums on the same bits)             twice as many

    Shape: x (N, in_ch, H, W) -> (N, out_ch, H / stride, W / stride), out_ch = in_ch or 2 in_ch.
    """

    def __init__(self, network: Network, in_ch: int, out_ch: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.binarize3, self.binarize1 = network.binarize(in_ch), network.binarize(in_ch)
        self.conv3, self.norm3 = network.conv(in_ch, in_ch, 3, stride=stride), network.norm(in_ch)
        copies = out_ch // in_ch
        self.conv1 = nn.ModuleList(network.conv(in_ch, in_ch, 1) for _ in range(copies))
        self.norm1 = nn.ModuleList(network.norm(in_ch) for _ in range(copies))
        self.activate3, self.activate1 = network.activate(in_ch), network.activate(out_ch)

    def forward(self, x: Tensor) -> Tensor:
        short = functional.avg_pool2d(x, 2) if self.stride == 2 else x
        p = self.activate3(self.norm3(self.conv3(self.binarize3(x))) + short)
        bits = self.binarize1(p)
        sums = [norm(conv(bits)) + p for conv, norm in zip(self.conv1, self.norm1, strict=True)]
        out: Tensor = self.activate1(sums[0] if len(sums) == 1 else torch.cat(sums, 1))
        return out


class ReActNet(Network):
    """Stem 32 - 13 blocks, 64 to 1024 channels - average - linear.

    The stem has stride 1 here (2 on ImageNet); maps are 32, 16, 8, 4 and 2 pixels wide; 28x28 images get two pixels
    of zeros on each side.  Stride 2 wherever the width doubles, except at the first block.

    Shape: x (N, in_ch, size, size) -> (N, classes).  Args: see `Network`; `activation` is `rprelu`, and ReActNet's
    own choices are binarizer="rsign", weight="scaled".  3.4 MiB of binary weights at width 1, 216 KiB at 0.25.
    """

    name: ClassVar[str] = "reactnet"
    activation: ClassVar[str] = "rprelu"

    def __init__(self, classes: int = 10, **choices: Any) -> None:
        super().__init__(**choices)
        before = self.scaled(32)
        pad = 1 + (32 - self.size) // 2
        layers: list[nn.Module] = [self.stem(before, pad=pad)]
        for number, base in enumerate(WIDTHS):
            channels = before * 2 if number == 0 or base > WIDTHS[number - 1] else before
            layers.append(Block(self, before, channels, 2 if number and channels > before else 1))
            before = channels
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Flatten(), self.classify(before, classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
