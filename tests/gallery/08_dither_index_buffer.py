# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: a systems person; tiles by index arithmetic, everything else through small lambdas and dicts.

Idioms: tile by advanced indexing T[y % 2][:, x % 2] (2D) and T[f, y, x] with f = channel % F (3D), tile kept in a pre-computed
buffer the size of the map, tile on the pooled grid (pool -> BN -> tile -> sign), odd 13x13 map (phase not a multiple of the tile), sign(x - tile) by
comparison, 7x7 kernel, channels 10/21/30.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 13, 13)
CLASSES = 10
MEAN, STD = (0.3,), (0.4,)
STREAM = False
EXACT = not STREAM
TIE = None

T2 = torch.tensor([[0.10, 0.55], [0.80, 0.30]])
T3 = torch.stack([T2, T2.flip(0) * 1.5, T2.t() - 0.6])


def tile_2d(x):
    yy = torch.arange(x.shape[-2]) % 2
    xx = torch.arange(x.shape[-1]) % 2
    return T2[yy][:, xx]


def tile_3d(x):
    c = torch.arange(x.shape[1]).view(-1, 1, 1) % 3
    yy = torch.arange(x.shape[2]).view(1, -1, 1) % 2
    xx = torch.arange(x.shape[3]).view(1, 1, -1) % 2
    return T3[c, yy, xx].unsqueeze(0)


class TiledNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterDict({
            "a": nn.Parameter(torch.randn(10, 1, 7, 7)),
            "b": nn.Parameter(torch.randn(21, 10, 3, 3)),
            "c": nn.Parameter(torch.randn(30, 21, 3, 3)),
            "d": nn.Parameter(torch.randn(CLASSES, 30 * 4)),
        })
        self.norms = nn.ModuleDict({"a": nn.BatchNorm2d(10), "b": nn.BatchNorm2d(21), "c": nn.BatchNorm2d(30)})
        self.register_buffer("threshold_map", T2.repeat(1, 21, 3, 3).add(torch.linspace(-.5, .5, 21).view(1, -1, 1, 1)))
        self.register_buffer("one", torch.ones(()), persistent=False)

    def binarize(self, x):
        hard = torch.where(x > 0, self.one, -self.one)
        return hard if not torch.is_grad_enabled() else x.clamp(-1, 1) + (hard - x.clamp(-1, 1)).detach()

    def forward(self, x):
        q = lambda k: self.binarize(self.weights[k])
        x = F.conv2d(x, q("a"), padding=3)
        x = self.norms["a"](x)
        x = self.binarize(x - tile_2d(x))
        x = F.max_pool2d(F.conv2d(x, q("b"), padding=1), 2)
        x = self.norms["b"](x)
        x = self.binarize(x + self.threshold_map)
        x = self.norms["c"](F.conv2d(x, q("c")))
        x = self.binarize(x - tile_3d(x))
        x = F.max_pool2d(x, 2).flatten(1)
        return F.linear(x, q("d")) * 0.125


def fresh():
    torch.manual_seed(108)
    return TiledNet()


def build():
    net = fresh()
    blob = np.load(Path(__file__).parent / "weights" / "08_dither_index_buffer.npz")
    net.load_state_dict({k: torch.from_numpy(v.astype("f4")) for k, v in blob.items()})
    return net.eval()
