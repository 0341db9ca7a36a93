# SPDX-License-Identifier: Apache-2.0
"""The end of a network: logits in int32, each the nearest integer to the float logit."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import Bits, Linear, lively, lowered
from xnorc.errors import LowerError
from xnorc.lower.builder import Builder
from xnorc.lower.logits import emit_logits
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine


def net(*end: nn.Module) -> nn.Module:
    return lively(nn.Sequential(Bits(), Linear(24, 30, bias=False), nn.BatchNorm1d(30), Bits(), *end), seed=3)


def test_logits_are_rounded_to_the_nearest_and_halves_rise() -> None:
    """The greatest logit, 2^20 * 2^10, is 2^30: one integer stands for 1, and the multipliers have 31 bits."""
    tensor = Tensor("sums", (1, 1, 3), Kind.I32)
    slope, offset = np.array([2.0**20, 0.5, -0.5]), np.array([0.0, 0.25, 0.0])
    high = np.array([2**10, 8, 8])
    builder = Builder(Tensor("image", (1, 1, 3), Kind.U8))
    made = emit_logits(builder, "head", tensor, slope, offset, -high, high)
    (node,) = builder.nodes
    assert isinstance(node, Affine)
    assert (made.scale, node.shift, node.mul.reshape(-1).tolist()) == (1.0, 10, [2**30, 512, -512])
    q = np.array([[2**10, 1, 1], [-(2**10), -1, -1], [1, 3, 3], [0, -3, -3], [0, 0, 0]]).reshape(5, 1, 1, 3)
    assert node.run(q).reshape(5, 3).tolist() == [
        [2**30, 1, 0], [-(2**30), 0, 1], [2**20, 2, -1], [0, -1, 2], [0, 0, 0],
    ]  # fmt: skip


def test_equal_scales_cost_no_node() -> None:
    made = lowered(net(Linear(30, 10, bias=False)), (1, 24))
    assert made.program.logits.shape == (1, 1, 10)


def test_a_logit_is_as_near_as_float32_has_it_however_wide_its_range() -> None:
    """A batch norm of a small variance far from 0: sums of +-405 could give logits of +-20,000; these are about 1."""
    net = lively(nn.Sequential(Bits(), Linear(405, 5, bias=False), nn.BatchNorm1d(5)))
    x = np.random.default_rng(0).integers(0, 256, (64, 1, 1, 405)).astype(np.uint8)
    real = torch.from_numpy(x.reshape(64, 405)).float() / 255 - 0.5
    with torch.no_grad():
        sums = net[:2](real)
        net[2].running_mean.copy_(sums[0])
        net[2].running_var.fill_(1e-4)
        want = deepcopy(net[2]).double()(sums.double()).numpy()
    made = lowered(net, (1, 405), mean=(0.5,))
    got = made.program.run(x).reshape(64, 5) * made.program.logits.scale
    near = np.abs(want) < 400
    assert near.any()
    assert np.abs(got - want)[near].max() < made.program.logits.scale + 2.0**-22 * 400


def test_a_softmax_is_dropped_and_told() -> None:
    made = lowered(net(Linear(30, 10, bias=False), nn.Softmax(1)), (1, 24))
    assert any("dropped, it keeps the order of the logits" in note for note in made.program.notes)


def test_logits_that_are_a_map_are_refused_by_their_shape() -> None:
    class Map(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, bias=False)
            with torch.no_grad():
                self.conv.weight.copy_(torch.where(self.conv.weight >= 0, 1.0, -1.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(torch.where(x >= 0.5, 1.0, -1.0)).flatten(1).flip(1)

    with pytest.raises(LowerError, match="logits that are a map of 4x4 places"):
        lowered(Map(), (1, 1, 6, 6))
