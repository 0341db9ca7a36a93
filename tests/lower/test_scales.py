# SPDX-License-Identifier: Apache-2.0
"""Scales of streams: room for all that was calibrated, and one for all that meet in joins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from tests.lower.bare import graph_of, node
from tests.lower.nets import Conv, lively, pm1
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.scales import HEADROOM, LIMIT16

SHAPE = (1, 2, 4, 4)
IMAGES = np.zeros((5, 4, 4, 2), np.uint8)
IMAGES[2, 1, 1, 0], IMAGES[3, 2, 2, 1] = 255, 51


def scale(most: float) -> Any:
    return pytest.approx(most * HEADROOM / LIMIT16, rel=1e-6)


def test_the_greatest_magnitude_of_all_images_counts_whatever_its_sign() -> None:
    graph = graph_of(lambda x: (x * -3 + 1) * 2, SHAPE, calibration=IMAGES)
    assert graph.scales.int16(node(graph, "mul")) == scale(3)
    assert graph.scales.int16(node(graph, "add")) == scale(2)
    assert graph.scales.int16(node(graph, "mul", 1)) == scale(4)


def test_a_percentile_leaves_the_greatest_out() -> None:
    graph = graph_of(lambda x: x * 2, SHAPE, calibration=IMAGES[2:3], percentile=50.0)
    assert graph.scales.magnitude(node(graph, "mul")) == 0.0


class Residual(nn.Module):
    """A binary convolution on bits of its input, added to what `shortcut` makes of it; and another, added to `factor`
    times that sum."""

    def __init__(self, shortcut: Callable[[torch.Tensor], torch.Tensor], small: float, factor: float = 1.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 1)
        self.first, self.second = Conv(3, 3, 3, 2, 1, bias=False), Conv(3, 3, 3, 1, 1, bias=False)
        lively(self)
        self.shortcut, self.small, self.factor = shortcut, small, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.first(pm1(x)) * self.small + self.shortcut(x)
        return self.second(pm1(x)) * 0.125 + x * self.factor


SHORTCUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "average": lambda x: F.avg_pool2d(x, 2) * 50,
    "greatest": lambda x: F.max_pool2d(x, 2) * 50,
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 2) * 50,
    "subsampled": lambda x: x[:, :, ::2, ::2] * 50,
}


def joins(graph: Graph) -> list[fx.Node]:
    return [n for n in graph.origins if graph.origins[n] == (n,) and n.target is torch.ops.aten.add.Tensor]


@pytest.mark.parametrize("factor", [1.0, 0.25, -3.0])
@pytest.mark.parametrize("name", SHORTCUTS)
def test_joins_and_their_sides_share_the_scale_of_the_greatest(name: str, factor: float) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 2)).astype(np.uint8)
    graph = graph_of(Residual(SHORTCUTS[name], 0.5, factor), SHAPE, calibration=images)
    first, second = joins(graph)
    sides = [*first.args, *second.args]
    most = max(graph.scales.magnitude(n) for n in (first, second, *sides) if isinstance(n, fx.Node))
    assert graph.scales.int16(first) == scale(most)
    assert graph.scales.int16(second) == scale(most)


def test_a_side_larger_than_the_sum_sets_the_scale() -> None:
    """The convolution takes most of the shortcut back."""
    graph = graph_of(lambda x: (F.avg_pool2d(x, 2) * 8 - F.max_pool2d(x, 2) * 2) * 1.5, SHAPE, calibration=IMAGES)
    (join,) = (n for n in graph.origins if graph.origins[n] == (n,) and n.target is torch.ops.aten.sub.Tensor)
    assert graph.scales.magnitude(join) == pytest.approx(0.0, abs=1e-6)
    assert graph.scales.int16(join) == scale(2)
