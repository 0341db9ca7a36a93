# SPDX-License-Identifier: Apache-2.0
"""A stem's sums are int16 where a threshold computed from the image waits for them, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import Conv, images, lively, lowered, pm1
from xnorc.capture import run
from xnorc.lower import Lowered, Options
from xnorc.lower.graph.pixels import images_to_float
from xnorc.nn.binarizers import make_binarizer
from xnorc.oracle.compare import compare
from xnorc.program import Kind
from xnorc.program.nodes.iconv2d import IConv2d

SHAPE = (1, 2, 12, 12)
CH = 10


class Net(nn.Module):
    """real stem - batch norm of both signs - binarizer - conv - linear; `also` puts the stem to another use."""

    def __init__(self, binarizer: str, also: str = ""):
        super().__init__()
        self.also = also
        self.stem, self.norm = nn.Conv2d(2, CH, 3, padding=1), nn.BatchNorm2d(CH)
        self.binarizer = make_binarizer(binarizer, CH)
        self.after, self.after_norm = Conv(CH, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.other, self.head = Conv(CH, 8, 3, bias=False), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.stem(x))
        z = self.after(self.binarizer(y))
        if self.also == "bits":
            z = z + self.other(pm1(y))
        if self.also == "shortcut":
            z = z + y[:, :8, 1:-1, 1:-1]
        return self.head(pm1(self.after_norm(z)).mean((2, 3)))


def made(binarizer: str, also: str = "", **options: object) -> Lowered:
    torch.manual_seed(4)
    net = lively(Net(binarizer, also))
    with torch.no_grad():
        net.norm.weight[::3] *= -1
        for parameter in net.binarizer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return lowered(net, SHAPE, calibration=images(SHAPE, 60), **({"weight_bits": 8} | options))


def stem_of(found: Lowered) -> IConv2d:
    return next(node for node in found.program.nodes if isinstance(node, IConv2d))


@pytest.mark.parametrize("binarizer", ["asd", "dysign", "lab"])
def test_the_map_takes_half_the_memory_and_is_right_to_half_a_unit(binarizer: str) -> None:
    found = made(binarizer)
    stem = stem_of(found)
    assert stem.output.kind is Kind.I16
    assert stem.requant is not None
    source = next(s for s in found.sources if s.tensor.name == stem.output.name)
    x = images(SHAPE, 30, seed=8)
    q = found.program.trace(x)[stem.output.name].reshape(len(x), -1)[:, source.at]
    real = run(found.captured.graph, {found.captured.input: images_to_float(x, *_reading(found))}, [source.node])
    values = real[source.node].detach().double().reshape(len(x), -1).numpy()
    off = np.abs(q * source.scale + source.offset - values) / source.scale
    weights = _weight_error(found)
    assert (off <= 0.5 + weights / source.scale + 1e-3).all()
    peak = np.abs(q.astype(int)).max()
    assert peak > 32767 / 1.25 * 0.8  # the calibrated range fills int16, with headroom


def _reading(found: Lowered) -> tuple[torch.Tensor, Options]:
    return found.captured.example, found.options


def _weight_error(found: Lowered) -> float:
    """What int8 weights can change of a sum, in the reals: half a step of each weight times the greatest pixel."""
    weight = next(n for n in found.captured.graph.graph.nodes if "conv" in str(n.target)).args[1]
    w = found.captured.values[weight].tensor.double()
    return float((w.abs().amax((1, 2, 3)) / 127 / 2).max()) * w[0].numel()


def test_what_saturates_is_compared_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrated on dark images, run on bright ones: the sums leave int16, the bits are those of full sums."""
    dark = images(SHAPE, 60) // 8
    torch.manual_seed(4)
    net = lively(Net("dysign"))
    narrow = lowered(net, SHAPE, calibration=dark, weight_bits=8)
    monkeypatch.setattr("xnorc.lower.dots.integer.only_rounded", lambda *_: False)
    full = lowered(net, SHAPE, calibration=dark, weight_bits=8)
    assert (stem_of(narrow).output.kind, stem_of(full).output.kind) == (Kind.I16, Kind.I32)
    x = images(SHAPE, 20, seed=9)
    x[:10] //= 8
    stored = narrow.program.trace(x)
    at_limit = np.abs(stored[stem_of(narrow).output.name]) == 32767
    assert at_limit[10:].any()
    assert not at_limit[:10].any()
    bits = {}
    for which in (narrow, full):
        rows = compare(which, x[:10]).rows
        bits[which is narrow] = next(row for row in rows if row.kind == "bit")
    assert bits[True].forced <= bits[False].forced + 2


@pytest.mark.parametrize(("binarizer", "also"), [("rsign", ""), ("dysign", "bits"), ("dysign", "shortcut")])
def test_sums_that_something_exact_reads_keep_their_bits(binarizer: str, also: str) -> None:
    stem = stem_of(made(binarizer, also))
    assert stem.output.kind in (Kind.I32, Kind.BIT)
    assert stem.requant is None


@pytest.mark.parametrize("also", ["", "bits"])
def test_sums_of_16_bit_weights_over_the_whole_map_stay_within_32_bits(also: str) -> None:
    found = made("dysign", also, weight_bits=16)
    bounds = found.program.verify()
    sums = [bounds[n.output.name] for n in found.program.nodes if n.op == "sumpool2d"]
    assert sums
    rows = compare(found, images(SHAPE, 10, seed=9)).rows
    bits = [row for row in rows if row.kind == "bit"]
    assert sum(row.forced for row in bits) <= 0.003 * sum(row.elements for row in bits)
