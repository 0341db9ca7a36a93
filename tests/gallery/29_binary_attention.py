# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""Style: vision-transformer people: tokens, heads, einsum and matmul; batch norm instead of layer norm.

Idioms: products of two activations (scores of binary queries and keys, {0, 1} attention times +-1 values), binary linears on (N, T, d) tokens, row-centred weights times mean(|w|), heads by
view/permute, BN1d over tokens, residual stream with RPReLU, boolean attention (scores >= learned threshold per head), convolutional tokenizer (real),
learned position embedding, mean over tokens.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 16, 16)
CLASSES = 10
MEAN, STD = (0.3,), (0.35,)
STREAM = True
EXACT = not STREAM
TIE = 1  # three weights are exactly 0


def ste_sign(x):
    s = torch.clamp(x, -1.2, 1.2)
    return torch.where(x >= 0, 1.0, -1.0).detach() - s.detach() + s


def ste_bool(x):
    s = torch.clamp(x * 0.1 + 0.5, 0, 1)
    return (x >= 0).to(x).detach() - s.detach() + s


class BinaryLinear(nn.Linear):
    def __init__(self, i, o):
        super().__init__(i, o, bias=False)

    def forward(self, x):
        w = self.weight - self.weight.mean(-1, keepdim=True)
        scale = self.weight.abs().mean(-1, keepdim=True).detach()
        clipped = w.clamp(-1, 1)
        w = (scale * w.sign()).detach() - clipped.detach() + clipped
        return F.linear(x, w)


class TokenNorm(nn.Module):
    """batch norm over the last axis of (N, T, d)"""

    def __init__(self, d):
        super().__init__()
        self.bn = nn.BatchNorm1d(d)

    def forward(self, x):
        return self.bn(x.transpose(-1, -2)).transpose(-1, -2)


class RPReLU(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        self.prelu = nn.PReLU(d)

    def forward(self, x):
        return self.prelu((x - self.a).transpose(1, 2)).transpose(1, 2) + self.b


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.dh = heads, d // heads
        self.move = nn.Parameter(torch.zeros(d))
        self.q, self.k, self.v, self.o = (BinaryLinear(d, d) for _ in range(4))
        self.nq, self.nk, self.nv, self.no, self.nc = (TokenNorm(d) for _ in range(5))
        self.cut = nn.Parameter(torch.zeros(heads, 1, 1))
        self.act = RPReLU(d)

    def split(self, x):
        n, t, _ = x.shape
        return x.view(n, t, self.heads, self.dh).permute(0, 2, 1, 3)

    def forward(self, x):
        b = ste_sign(x + self.move)
        q = self.split(ste_sign(self.nq(self.q(b))))
        k = self.split(ste_sign(self.nk(self.k(b))))
        v = self.split(ste_sign(self.nv(self.v(b))))
        scores = torch.matmul(q, k.transpose(-1, -2)) / self.dh ** 0.5
        attn = ste_bool(scores - self.cut)
        context = torch.einsum("nhts,nhsd->nhtd", attn, v)
        n, t, d = x.shape
        context = context.permute(0, 2, 1, 3).reshape(n, t, d)
        out = self.no(self.o(ste_sign(self.nc(context))))
        return self.act(out + x)


class Mlp(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.move1, self.move2 = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(2 * d))
        self.up, self.down = BinaryLinear(d, 2 * d), BinaryLinear(2 * d, d)
        self.n1, self.n2 = TokenNorm(2 * d), TokenNorm(d)
        self.a1, self.a2 = RPReLU(2 * d), RPReLU(d)

    def forward(self, x):
        y = self.a1(self.n1(self.up(ste_sign(x + self.move1))) + torch.cat([x, x], dim=-1))
        y = self.n2(self.down(ste_sign(y + self.move2)))
        return self.a2(y + x)


class BinaryViT(nn.Module):
    def __init__(self, d=48, heads=3, depth=2):
        super().__init__()
        self.patch = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, d, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(d),
        )
        self.pos = nn.Parameter(torch.randn(1, 16, d) * 0.2)
        self.blocks = nn.ModuleList(nn.ModuleList([Attention(d, heads), Mlp(d)]) for _ in range(depth))
        self.norm = nn.BatchNorm1d(d)
        self.head = nn.Linear(d, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        for attn, mlp in self.blocks:
            x = mlp(attn(x))
        return self.head(self.norm(x.mean(dim=1)))


def fresh():
    torch.manual_seed(129)
    return BinaryViT()


def build():
    net = fresh()
    z = np.load(Path(__file__).parent / "weights" / "29_binary_attention.npz")
    net.load_state_dict({k: torch.from_numpy(z[k].astype(np.float32)) for k in z.files})
    return net.eval()
