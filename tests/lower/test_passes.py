# SPDX-License-Identifier: Apache-2.0
"""Every pass leaves every tensor that stays as it was, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import Bits, Conv, Linear, digits_like, images, lively, lowered
from xnorc import lower as package
from xnorc.lower import PASSES
from xnorc.program import Program
from xnorc.program.passes.drop_unread import drop_unread
from xnorc.program.passes.fuse_epilogues import fuse_epilogues
from xnorc.program.passes.merge_equal import merge_equal


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.n, self.b, self.m = (
            Conv(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            Conv(6, 6, 3, padding=1),
            nn.BatchNorm2d(6),
        )
        self.p, self.head = nn.PReLU(6), Linear(6 * 64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.n(self.a(x))
        bits = torch.where(x >= 0, 1.0, -1.0)
        again = torch.where(x + 0.0 >= 0, 1.0, -1.0)
        x = self.p(x + self.m(self.b(bits)) + self.m(self.b(again)))
        return self.head(torch.where(x >= 0, 1.0, -1.0).flatten(1))


class Stencil(nn.Module):
    """Real weights - stream - depthwise real weights - bits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.each, self.head = nn.Conv2d(6, 6, 3, groups=6), Linear(6 * 16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.each(self.norm(self.stem(x)))
        return self.head(torch.where(x > 0, 1.0, -1.0).flatten(1))


NETS = {
    "stencil": (lively(Stencil()), (1, 1, 8, 8)),
    "digits": (digits_like(), (1, 1, 8, 8)),
    "residual": (lively(Residual()), (1, 1, 8, 8)),
    "vector": (lively(nn.Sequential(Linear(9, 33), nn.BatchNorm1d(33), Bits(), Linear(33, 4))), (1, 9)),
}


@pytest.fixture(scope="module", params=NETS)
def unpassed(request: pytest.FixtureRequest) -> tuple[Program, np.ndarray]:
    """The program as emitted, before any pass."""
    net, shape = NETS[request.param]
    passes, package.PASSES = package.PASSES, ()
    try:
        return lowered(net, shape, calibration=images(shape, 20)).program, images(shape, 30, 5)
    finally:
        package.PASSES = passes


@pytest.mark.parametrize("tidy", PASSES, ids=lambda p: p.__name__)
def test_run_before_equals_run_after(unpassed: tuple[Program, np.ndarray], tidy: Callable[[Program], Program]) -> None:
    program, x = unpassed
    after = tidy(program)
    after.verify()
    old, new = program.trace(x), after.trace(x)
    assert program.output == after.output
    for name in new:
        assert np.array_equal(old[name], new[name]), name


def test_passes_change_what_they_are_for() -> None:
    program = lowered(digits_like(), (1, 1, 8, 8)).program
    assert [n.op for n in program.nodes] == ["iconv2d", "bconv2d", "bmaxpool2d", "bconv2d", "affine"]
    for tidy in (drop_unread, merge_equal, fuse_epilogues):
        assert tidy(program).dump() == program.dump()  # nothing is left to do


def test_an_affine_that_alone_reads_integer_sums_leaves_no_map_of_them() -> None:
    program = lowered(lively(Stencil()), (1, 1, 8, 8), calibration=images((1, 1, 8, 8), 20), weight_bits=8).program
    assert [n.op for n in program.nodes] == ["iconv2d", "iconv2d", "bconv2d", "affine"]
    stem, stencil = program.nodes[:2]
    assert (stem.output.kind, stem.requant is not None) == ("i16", True)
    assert (stencil.output.kind, stencil.requant is None) == ("bit", True)


def test_equal_bits_of_one_sum_are_kept_once() -> None:
    made = lowered(lively(Residual()), (1, 1, 8, 8), calibration=images((1, 1, 8, 8), 20))
    assert sum(n.op == "bconv2d" for n in made.program.nodes) == 2
