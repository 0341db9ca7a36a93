# SPDX-License-Identifier: Apache-2.0
"""Dots as windows on a tensor: pads peeled off, same padding, channel orders, constant bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import fx, nn

from tests.lower.bare import graph_of, lowering_of, node
from tests.lower.nets import pm1
from xnorc.errors import LowerError
from xnorc.lower.dots.geometry import (
    Geometry,
    arranged,
    channel_order,
    constant_bit,
    conv_window,
    geometry,
    output_channel,
    peel,
)
from xnorc.lower.dots.operand import Operand
from xnorc.lower.graph.source import canonical
from xnorc.program import Kind, Tensor

MAP = (1, 3, 4, 5)
TENSOR = Tensor("t", (4, 5, 3), Kind.BIT)
AT = canonical(MAP).reshape(3, 4, 5)  # (ch, h, w): where each element lies


def padded(left: int, right: int, top: int, bottom: int, mode: str = "constant") -> np.ndarray:
    spread = ((0, 0), (top, bottom), (left, right))
    return np.pad(AT, spread, mode=mode, **({"constant_values": -1} if mode == "constant" else {}))  # type: ignore[call-overload]


def test_nothing_is_peeled_off_a_plain_map() -> None:
    inner, pads, mode = peel(AT, TENSOR)
    assert (pads, mode) == ((0, 0, 0, 0), "skip")
    assert (inner == AT).all()


@pytest.mark.parametrize("sides", [(1, 2, 3, 0), (0, 0, 0, 1), (4, 0, 0, 0)])
@pytest.mark.parametrize(("mode", "name"), [("constant", "constant"), ("edge", "replicate")])
def test_pads_are_peeled_side_by_side(sides: tuple[int, int, int, int], mode: str, name: str) -> None:
    left, right, top, bottom = sides
    inner, pads, found = peel(padded(*sides, mode), TENSOR)
    assert (pads, found) == ((top, left, bottom, right), name)
    assert (inner == AT).all()


def test_mirrored_pads_are_told_from_replicated_ones() -> None:
    inner, pads, found = peel(padded(2, 1, 3, 0, "reflect"), TENSOR)
    assert (pads, found) == ((3, 2, 0, 1), "reflect")
    assert (inner == AT).all()


def test_a_mirror_as_large_as_the_map_is_none() -> None:
    """numpy would go on mirroring; PyTorch and the kernels do not."""
    assert peel(padded(4, 0, 0, 0, "reflect"), TENSOR)[2] == "skip"


def test_a_larger_map_that_is_no_padding_stays() -> None:
    rolled = np.roll(padded(1, 0, 0, 0, "edge"), 1, 2)
    inner, pads, found = peel(rolled, TENSOR)
    assert (pads, found) == ((0, 0, 0, 0), "skip")
    assert (inner == rolled).all()


def test_padded_channels_are_kept_under_pads() -> None:
    """Channels of a permuted map: the pads peel off all the same."""
    turned = padded(1, 1, 0, 0, "edge")[[2, 0, 1]]
    inner, pads, found = peel(turned, TENSOR)
    assert (pads, found) == ((0, 1, 0, 1), "replicate")
    assert (inner == AT[[2, 0, 1]]).all()


def test_a_permutation_of_whole_channels_is_an_order() -> None:
    order = channel_order(AT[[1, 2, 0]], TENSOR)
    assert order is not None
    assert order.tolist() == [1, 2, 0]
    assert channel_order(AT[[1, 1, 0]], TENSOR) is None
    assert channel_order(AT[:, ::-1], TENSOR) is None
    assert channel_order(AT[:, 1:], TENSOR) is None


def conv_of(**arguments: object) -> fx.Node:
    conv = nn.Conv2d(3, 6, bias=False, **arguments)  # type: ignore[arg-type]
    return node(graph_of(conv, (1, 3, 9, 9)), "conv2d")


@pytest.mark.parametrize(
    ("kernel", "dilation", "pads"),
    [
        ((3, 3), 1, (1, 1, 1, 1)),
        ((2, 2), 1, (0, 0, 1, 1)),
        ((4, 1), 1, (1, 0, 2, 0)),
        ((2, 3), 2, (1, 2, 1, 2)),
        ((2, 4), (3, 1), (1, 1, 2, 2)),
    ],
)
def test_same_padding_puts_the_odd_row_at_the_bottom_and_the_odd_column_at_the_right(
    kernel: tuple[int, int], dilation: int | tuple[int, int], pads: tuple[int, int, int, int]
) -> None:
    """Of a node as torch.export writes it; `capture` may take the odd row apart into a pad of its own."""
    graph = fx.Graph()
    x, weight = graph.placeholder("x"), graph.placeholder("weight")
    weight.meta["val"] = torch.empty(6, 3, *kernel)
    both = [dilation, dilation] if isinstance(dilation, int) else list(dilation)
    conv = graph.call_function(torch.ops.aten.conv2d.padding, (x, weight, None, [1, 1], "same", both))
    window = conv_window(conv)
    assert (window.pad_top, window.pad_left, window.pad_bottom, window.pad_right) == pads
    assert window.out_hw(9, 9) == (9, 9)


def test_a_window_has_the_arguments_of_its_convolution() -> None:
    window = conv_window(conv_of(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)))
    assert (window.kh, window.kw, window.stride_h, window.stride_w) == (3, 2, 2, 1)
    assert (window.dilation_h, window.dilation_w) == (1, 2)
    assert (window.pad_top, window.pad_bottom, window.pad_left, window.pad_right) == (1, 1, 0, 0)
    valid = conv_window(conv_of(kernel_size=3, padding="valid"))
    assert (valid.pad_top, valid.pad_bottom, valid.pad_left, valid.pad_right) == (0, 0, 0, 0)


GRAPH = graph_of(nn.Conv2d(3, 2, 3, bias=False), (1, 3, 4, 7))
CONV = node(GRAPH, "conv2d")


def operand(at: np.ndarray, pad: float, low: float = -1.0, high: float = 1.0) -> Operand:
    """Bits that stand for low and high, pads for `pad`."""
    inside = at.reshape(-1) >= 0
    slope, offset = np.where(inside, (high - low) / 2, 0.0), np.where(inside, (high + low) / 2, pad)
    return Operand(CONV.args[0], TENSOR, at.reshape(-1), slope, offset)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pad", "low", "high", "bit"),
    [(1, -1, 1, 1), (-1, -1, 1, 0), (0, -1, 1, None), (0, 0, 2, 0), (2, 0, 2, 1), (0.5, -1, 1, None)],
)
def test_a_pad_that_has_the_value_of_a_bit_is_that_bit(pad: float, low: float, high: float, bit: int | None) -> None:
    at = padded(1, 1, 0, 0)
    assert constant_bit(operand(at, pad, low, high), at) == bit


def test_pads_of_several_values_are_no_bit() -> None:
    at = padded(1, 1, 0, 0)
    x = operand(at, 1.0)
    x.offset[int(np.flatnonzero(at.reshape(-1) < 0)[0])] = -1.0
    assert constant_bit(x, at) is None


def test_constant_pads_are_counted_where_they_are_bits_and_skipped_where_not() -> None:
    at = padded(1, 1, 0, 0)
    ones = geometry(lowering_of(GRAPH), CONV, operand(at, 1.0))
    assert (ones.window.pad_mode, ones.window.pad_value, ones.constant_pads) == ("constant", 1, True)
    assert (ones.window.pad_left, ones.window.pad_right, ones.window.pad_top) == (1, 1, 0)
    zeros = geometry(lowering_of(GRAPH), CONV, operand(at, 0.0))
    assert (zeros.window.pad_mode, zeros.constant_pads) == ("skip", False)
    assert zeros.tensor is TENSOR


@pytest.mark.parametrize("padding", [1, (1, 0), (0, 2)])
def test_replicated_pads_within_zero_pads_are_refused(padding: int | tuple[int, int]) -> None:
    graph = graph_of(nn.Conv2d(3, 2, 3, padding=padding, bias=False), (1, 3, 4, 7))
    with pytest.raises(LowerError, match="replicate pads inside the zero pads"):
        geometry(lowering_of(graph), node(graph, "conv2d"), operand(padded(1, 1, 0, 0, "edge"), 0.0))


def test_weights_follow_the_channels_to_where_the_tensor_has_them() -> None:
    x = Operand(CONV.args[0], Tensor("t", (4, 7, 3), Kind.BIT), np.empty(0), np.empty(0), np.empty(0))  # type: ignore[arg-type]
    at = canonical((1, 3, 4, 7)).reshape(3, 4, 7)[[1, 2, 0]].reshape(-1)
    turned = Operand(x.node, x.tensor, at, np.ones(len(at)), np.zeros(len(at)))
    found = geometry(lowering_of(GRAPH), CONV, turned)
    weights = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3)
    made = arranged(weights, found)
    assert made.shape == (2, 3, 3, 3)
    for channel in range(3):  # input channel c of the weights is channel order[c] of the tensor
        assert (made[..., [1, 2, 0][channel]] == weights[:, channel]).all()


def test_a_linear_layer_over_a_flattened_map_covers_it() -> None:
    graph = graph_of(nn.Sequential(nn.Flatten(), nn.Linear(12, 5, bias=False)), (1, 3, 2, 2))
    linear = node(graph, "linear")
    tensor = Tensor("t", (2, 2, 3), Kind.BIT)
    at = canonical((1, 3, 2, 2))
    found = geometry(lowering_of(graph), linear, Operand(linear.args[0], tensor, at, np.ones(12), np.zeros(12)))  # type: ignore[arg-type]
    assert isinstance(found, Geometry)
    assert (found.covers, found.window.kh, found.window.kw) == (True, 2, 2)
    weights = np.arange(60).reshape(5, 12)
    made = arranged(weights, found)
    assert made.shape == (5, 2, 2, 3)
    assert (made == weights.reshape(5, 3, 2, 2).transpose(0, 2, 3, 1)).all()


def test_the_output_channel_of_every_element() -> None:
    graph = graph_of(nn.Conv2d(3, 2, 3, bias=False), (1, 3, 4, 3))
    assert output_channel(node(graph, "conv2d")).tolist() == [0, 0, 1, 1]
    tokens = graph_of(lambda x: nn.functional.linear(pm1(x), torch.ones(4, 3)), (1, 2, 3))
    assert output_channel(node(tokens, "linear")).tolist() == [0, 1, 2, 3] * 2
