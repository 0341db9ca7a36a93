# SPDX-License-Identifier: Apache-2.0
"""A bit that differs is a fault of the program, or float32 rounding a sum past a threshold that lies on it.

`verify` can tell: with PyTorch's sums replaced by the exact ones, the second kind is gone and the first stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered
from xnorc.lower import Lowered
from xnorc.lower.layer_rows import ThresholdRow
from xnorc.oracle.compare import compare
from xnorc.program import Program
from xnorc.program.nodes.iconv2d import IConv2d

SHAPE = (1, 3, 10, 10)
STEP = 0.013  # of the stem's weights: integers times this
SUM = 9  # the integer sum that stands exactly on each threshold


def on_the_edge() -> Lowered:
    """A stem whose batch norm turns at a sum that images reach."""
    stem, norm = nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6)
    rest = [Conv(6, 8, 3), nn.BatchNorm2d(8), Bits(), nn.Flatten(), Linear(8 * 6 * 6, 5)]
    net = lively(nn.Sequential(stem, norm, Bits(), *rest))
    integers = torch.randint(-9, 10, stem.weight.shape, generator=torch.Generator().manual_seed(1))
    integers[:, 0, 0, 0] = 127  # the grid is told apart by its ends
    stem.weight.data.copy_(integers * STEP)
    norm.running_mean.fill_(SUM * STEP / 255)
    norm.bias.data.zero_()
    return lowered(net, SHAPE)


def dark() -> np.ndarray:
    """Images whose sums often are SUM."""
    return images(SHAPE, 200, seed=2) // 64


def test_a_bit_that_float32_rounds_away_is_the_exact_sums_bit() -> None:
    made = on_the_edge()
    assert sum(row.undecided or 0 for row in made.report if isinstance(row, ThresholdRow)) > 0  # the export knew
    torchs, exact = compare(made, dark()), compare(made, dark(), exact_sums=True)
    assert torchs.differing_bits > 0
    assert [row.tensor for row in torchs.rows if row.forced] == [made.program.nodes[0].output.name]
    assert exact.differing_bits == 0
    assert exact.same_labels == exact.images


def test_exact_sums_hide_no_fault_of_the_program() -> None:
    made = on_the_edge()
    stem = made.program.nodes[0]
    assert isinstance(stem, IConv2d)
    assert stem.thresholds is not None
    thr = stem.thresholds.thr.copy()
    thr[0, 0, 2] += 1  # one channel answers one sum wrongly
    wrong = replace(stem, thresholds=replace(stem.thresholds, thr=thr))
    program: Program = replace(made.program, nodes=(wrong, *made.program.nodes[1:]))
    found = compare(replace(made, program=program), dark(), exact_sums=True)
    assert found.differing_bits > 0
    assert [row.tensor for row in found.rows if row.forced] == [stem.output.name]
