# SPDX-License-Identifier: Apache-2.0
"""Products of two binary activations: attention without a real-valued path differs from PyTorch in no bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered, pm1
from xnorc.errors import LowerError
from xnorc.oracle.compare import compare

SHAPE = (1, 1, 6, 6)
TOKENS, WIDTH = 9, 12


def bits01(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, 1.0, 0.0)


class Attention(nn.Module):
    """Binary queries, keys and values of `heads` heads, scores that are compared with one threshold a head."""

    def __init__(self, heads: int, scores: str, scale: float = 1.0) -> None:
        super().__init__()
        self.stem, self.norm = Conv(1, WIDTH, 2, stride=2), nn.BatchNorm2d(WIDTH)
        self.qkv = Linear(WIDTH, 3 * WIDTH, bias=False)
        self.between, self.after = nn.BatchNorm1d(3 * WIDTH), nn.BatchNorm1d(WIDTH)
        self.heads, self.scores, self.scale = heads, scores, scale
        self.register_buffer("cut", torch.linspace(-1.0, 1.5, heads).reshape(heads, 1, 1) * scale**2)
        self.head = Linear(TOKENS * WIDTH, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = pm1(self.norm(self.stem(x))).flatten(2).transpose(1, 2)
        qkv = pm1(self.between(self.qkv(x).transpose(1, 2)).transpose(1, 2)) * self.scale
        q, k, v = (p.unflatten(2, (self.heads, -1)).transpose(1, 2) for p in qkv.chunk(3, dim=2))
        s = q @ k.transpose(-1, -2) / (WIDTH // self.heads) ** 0.5 - self.cut
        p = bits01(s) if self.scores == "01" else pm1(s)
        y = torch.einsum("nhts,nhsd->nhtd", p, v).transpose(1, 2).flatten(2)
        return self.head(pm1(self.after((y - 0.3).transpose(1, 2))).flatten(1))


@pytest.mark.parametrize("scores", ["01", "+-1"])
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 0.37, -0.5])
def test_binary_attention_differs_in_no_bit(heads: int, scores: str, scale: float) -> None:
    made = lowered(lively(Attention(heads, scores, scale)), SHAPE)
    result = compare(made, images(SHAPE, 300))
    assert [node.op for node in made.program.nodes].count("bmatmul") == 2
    assert result.differing_bits == 0, result.rows
    assert result.same_labels == 300


class Gram(nn.Module):
    """Channels by channels: x x^T over the places of a map."""

    def __init__(self, second: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm, self.second = Conv(1, 7, 3), nn.BatchNorm2d(7), second
        self.head = Linear(49, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(x)).flatten(2)
        return self.head(pm1(torch.bmm(pm1(x), self.second(x).transpose(1, 2)) - 0.5).flatten(1))


def test_the_channels_of_a_map_by_themselves_differ_in_no_bit() -> None:
    result = compare(lowered(lively(Gram(Bits())), SHAPE), images(SHAPE, 300))
    assert result.differing_bits == 0
    assert result.same_labels == 300


def test_a_real_operand_is_refused() -> None:
    with pytest.raises(LowerError, match="of which the second is not binary"):
        lowered(lively(Gram(nn.Hardtanh())), SHAPE)


class PerElement(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x) * torch.arange(1, 17)


def test_a_scale_that_changes_along_the_sum_is_refused() -> None:
    with pytest.raises(LowerError, match="change along the sum"):
        lowered(lively(Gram(PerElement())), SHAPE)
