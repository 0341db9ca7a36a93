# SPDX-License-Identifier: Apache-2.0
"""Dots by themselves: scale and offset make the sums what PyTorch computes, over exactly the range that is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from tests.lower.bare import graph_of, lowering_of, node, values_of
from xnorc.lower.dots.binary import binary_dot
from xnorc.lower.dots.geometry import geometry
from xnorc.lower.dots.integer import integer_dot
from xnorc.lower.dots.operand import Operand
from xnorc.lower.dots.rerun import rerun
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.source import Source, canonical
from xnorc.lower.lowering import Lowering
from xnorc.program import Kind, Tensor

SIDE, CH, OUT = 4, 3, 2
SHAPE = (1, CH, SIDE, SIDE)
TENSOR = Tensor("t", (SIDE, SIDE, CH), Kind.BIT)
RNG = np.random.default_rng(0)


def conv(
    bias: bool = False, alike: bool = False, **arguments: Any
) -> tuple[Graph, fx.Node, torch.Tensor, torch.Tensor | None]:
    """A 3 x 3 convolution of weights +-1.5 and +-0.5, one magnitude a channel; `alike`: of weights 1.5 and -0.5."""
    layer = nn.Conv2d(CH, OUT, 3, bias=bias, **arguments)
    generator = torch.Generator().manual_seed(3)
    signs = torch.randint(0, 2, layer.weight.shape, generator=generator) * 2.0 - 1
    if alike:
        signs[0], signs[1] = 1.0, -1.0
    with torch.no_grad():
        layer.weight.copy_(signs * torch.tensor([1.5, 0.5]).view(OUT, 1, 1, 1))
    graph = graph_of(layer, SHAPE)
    return graph, node(graph, "conv2d"), layer.weight.detach(), None if layer.bias is None else layer.bias.detach()


def bits(x: fx.Node, low: float, high: float, pad: float | None = None) -> Operand:
    """Bits that stand for low and high; with `pad` a map that already has one row or column of it all around."""
    at = canonical(SHAPE).reshape(CH, SIDE, SIDE)
    if pad is not None:
        at = np.pad(at, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    inside = at.reshape(-1) >= 0
    slope, offset = np.where(inside, (high - low) / 2, 0.0), np.where(inside, (high + low) / 2, pad or 0.0)
    return Operand(x, TENSOR, at.reshape(-1), slope, offset)


def ends(weight: torch.Tensor) -> np.ndarray:
    """Random bits, and windows that match the weights of each channel in all taps and in none."""
    x = RNG.integers(0, 2, (60, SIDE, SIDE, CH))
    like = np.zeros((OUT, SIDE, SIDE, CH), np.int64)
    like[:, :3, :3] = (weight > 0).numpy().transpose(0, 2, 3, 1)
    return np.concatenate([x, like, 1 - like]).astype(np.uint8)


def sums(lowering: Lowering, made: Source, x: np.ndarray) -> np.ndarray:
    return values_of(lowering, {"t": x})[made.tensor.name].reshape(len(x), -1)[:, made.at].astype(np.int64)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (-0.25, 0.75)])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_binary_dot_means_what_pytorch_sums(padding: int, low: float, high: float) -> None:
    graph, at, weight, bias = conv(bias=True, padding=padding)
    x = bits(at.args[0], low, high)  # type: ignore[arg-type]
    lowering = lowering_of(graph)
    w = weight.double().numpy()
    offset = rerun(at, x.offset, w, bias=True).reshape(-1)
    made = binary_dot(lowering.builder, at, x, w, geometry(lowering, at, x), offset)
    given = ends(weight)
    got = sums(lowering, made, given)
    real = torch.from_numpy(given.transpose(0, 3, 1, 2) * (high - low) + low)
    expected = F.conv2d(real, weight.double(), None if bias is None else bias.double(), padding=padding)
    np.testing.assert_allclose(got * made.scale + made.offset, expected.reshape(len(given), -1).numpy(), atol=1e-6)
    assert (got >= made.low).all()
    assert (got <= made.high).all()
    assert (got.min(), got.max()) == (-27, 27)  # met, and said
    assert (made.low.min(), made.high.max()) == (-27, 27)
    assert made.taps is not None
    assert (np.abs(got) <= made.taps).all()
    assert ((got - made.taps) % 2 == 0).all()
    inner = F.conv2d(torch.ones(1, CH, SIDE, SIDE), torch.ones(OUT, CH, 3, 3), padding=padding)
    assert made.taps.tolist() == inner.reshape(-1).long().tolist()


@pytest.mark.parametrize("pad", [1.0, -1.0, 0.0])
def test_pads_that_are_bits_are_part_of_the_dot(pad: float) -> None:
    """The map was padded ahead of the convolution: with bits, which count as taps, or with zeros, which do not."""

    def padded(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), value=pad), weight)

    weight = conv()[2]
    graph = graph_of(padded, SHAPE)
    at = node(graph, "conv2d")
    x = bits(at.args[0], -1.0, 1.0, pad)  # type: ignore[arg-type]
    lowering = lowering_of(graph)
    w = weight.double().numpy()
    offset = rerun(at, x.offset, w, bias=True).reshape(-1)
    made = binary_dot(lowering.builder, at, x, w, geometry(lowering, at, x), offset)
    given = ends(weight)
    got = sums(lowering, made, given)
    expected = padded(torch.from_numpy(given.transpose(0, 3, 1, 2) * 2.0 - 1).float()).double()
    np.testing.assert_allclose(got * made.scale + made.offset, expected.reshape(len(given), -1).numpy(), atol=1e-6)
    assert made.taps is not None
    assert (np.abs(got) <= made.taps).all()
    assert ((got - made.taps) % 2 == 0).all()
    assert set(made.taps.tolist()) == ({27} if pad else {12, 18, 27})


@pytest.mark.parametrize(("inputs", "kind"), [(2**15 - 1, Kind.I16), (2**15, Kind.I32)])
def test_dots_are_as_wide_as_their_products_may_sum_to(inputs: int, kind: Kind) -> None:
    layer = nn.Linear(inputs, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    graph = graph_of(layer, (1, inputs))
    at = node(graph, "linear")
    tensor = Tensor("t", (1, 1, inputs), Kind.BIT)
    x = Operand(at.args[0], tensor, np.arange(inputs), np.ones(inputs), np.zeros(inputs))  # type: ignore[arg-type]
    lowering = lowering_of(graph)
    w = layer.weight.detach().double().numpy()
    made = binary_dot(lowering.builder, at, x, w, geometry(lowering, at, x), np.zeros(1))
    assert made.tensor.kind is kind
    for bit in (0, 1):
        got = sums(lowering, made, np.full((1, 1, 1, inputs), bit, np.uint8))
        assert got.tolist() == [[inputs * (2 * bit - 1)]]


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize(("low", "high"), [(3, 9), (-9, -3), (-7, 9)])
def test_an_integer_dot_reaches_as_far_as_is_said_where_taps_are_skipped(low: int, high: int, alike: bool) -> None:
    graph, at, weight, _ = conv(alike=alike, padding=1)
    tensor = Tensor("t", (SIDE, SIDE, CH), Kind.I8)
    elements = CH * SIDE * SIDE
    half = np.full(elements, 0.5), np.zeros(elements)
    x = Operand(graph.input, tensor, canonical(SHAPE), *half, bounds=(low, high))
    lowering = lowering_of(graph)
    w = weight.double().numpy()
    made = integer_dot(lowering, at, x, w, geometry(lowering, at, x), np.zeros(OUT * SIDE * SIDE))
    given = np.concatenate([np.full((1, SIDE, SIDE, CH), end) for end in (low, high)])
    like = ends(weight).astype(np.int64)
    given = np.concatenate([given, RNG.integers(low, high + 1, (50, SIDE, SIDE, CH)), low + (high - low) * like])
    given = given.astype(np.int8)
    got = sums(lowering, made, given)
    assert (got >= made.low).all()
    assert (got <= made.high).all()
    expected = F.conv2d(torch.from_numpy(given.transpose(0, 3, 1, 2) * 0.5), weight.double(), padding=1)
    np.testing.assert_allclose(got * made.scale + made.offset, expected.reshape(len(given), -1).numpy(), atol=1e-6)


@pytest.mark.parametrize("inputs", [9, 700])
def test_sums_of_16_bit_weights_are_shifted_into_32_bits(inputs: int) -> None:
    """700 pixels of 255 by weights up to 32512 reach 2^32.4: they lose their last bits and saturate nowhere."""
    layer = nn.Linear(inputs, 3, bias=False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(3, inputs, generator=generator) * 0.25 + 0.75)
        layer.weight[1] *= -1
    graph = graph_of(layer, (1, inputs))
    at = node(graph, "linear")
    tensor = Tensor("t", (1, 1, inputs), Kind.U8)
    x = Operand(graph.input, tensor, np.arange(inputs), np.ones(inputs), np.zeros(inputs))
    lowering = lowering_of(graph)
    w = layer.weight.detach().double().numpy()
    made = integer_dot(lowering, at, x, w, geometry(lowering, at, x), np.zeros(3))
    assert [n.op for n in lowering.builder.nodes] == ["iconv2d", "iconv2d", "mix"]
    given = np.concatenate([np.full((1, inputs), 255), RNG.integers(0, 256, (20, inputs)), np.zeros((1, inputs))])
    got = sums(lowering, made, given.astype(np.uint8).reshape(-1, 1, 1, inputs))
    assert (got >= made.low).all()
    assert (got <= made.high).all()
    step = np.abs(w).max(1) / 32512  # each weight is off by half of that at most, the sum by a unit more
    assert (np.abs(got * made.scale - given @ w.T) <= 255 * inputs * step / 2 + made.scale).all()
