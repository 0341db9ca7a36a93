# SPDX-License-Identifier: Apache-2.0
"""How real weights become integers: input scales folded in, 8 bits or 16."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import AVERAGES, DOTS, argument, aten, is_call, shape_of
from xnorc.program import Kind

SMALL_MAP = 8192  # elements of a sum up to which 16-bit weights are taken unasked: 32 KiB more RAM at most
PAIR = 2  # inputs of an output up to which a stencil has kernels for int16 weights
FEW_TAPS = 64  # weights of one output of a grouped convolution up to which it counts as a stencil
ALIKE = 1e-6  # relative distance of slopes that count as one


def takes_wide_taps(graph: Graph, node: fx.Node, kind: Kind) -> bool:
    """True for stencils over int16 (depthwise or paired convolutions, as in LAB), unless 8 bits are asked for: int16
    weights cost them no instruction, and a byte each."""
    if graph.options.weight_bits == 8 or kind is not Kind.I16 or not _is_stencil(node):
        return False
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    return (
        shape_of(weight)[1] <= PAIR
        and shape_of(weight)[0] == shape_of(node)[1] == int(argument(node, "groups")) * shape_of(weight)[1]
    )


def takes_16_bits(graph: Graph, node: fx.Node) -> bool:
    """True where a dot's weights are to have 16 bits.

    What the user asked for; else 16 for small maps, but 8 for other stencils than `takes_wide_taps` that only bits are
    made of, whose work 16 would double while few weights with a scale of their own round well; and 8 for networks that
    compute thresholds, whose weights can come to a quarter of the model's.
    """
    bits = graph.options.weight_bits
    if bits is not None:
        return bits == 16
    if int(np.prod(shape_of(node))) > SMALL_MAP or computes_thresholds(graph, node):
        return False
    return not (_is_stencil(node) and _only_bits(graph, node))


def rounds_for_inputs(graph: Graph, node: fx.Node) -> bool:
    """True where 8-bit weights are rounded for the inputs of the calibration images: few weights, and many bits that
    hang on them."""
    return computes_thresholds(graph, node) or (_is_stencil(node) and _only_bits(graph, node))


def is_hidden(graph: Graph, node: fx.Node) -> bool:
    """True where a binarizer follows: what is no head."""
    seen: set[fx.Node] = set()
    ahead = list(node.users)
    while ahead:
        user = ahead.pop()
        if user in graph.points:
            return True
        if user not in seen:
            seen.add(user)
            ahead.extend(user.users)
    return False


def computes_thresholds(graph: Graph, node: fx.Node) -> bool:
    """True for a layer between channel averages and bits: the network of a dynamic threshold."""
    before = node.args[0]
    assert isinstance(before, fx.Node)
    origins = graph.origins.get(before, ())
    if int(np.prod(shape_of(node)[2:])) != 1 or len(origins) != 1 or not is_hidden(graph, node):
        return False
    return is_call(origins[0], AVERAGES) or (is_call(origins[0], DOTS) and computes_thresholds(graph, origins[0]))


def _is_stencil(node: fx.Node) -> bool:
    weight = node.args[1]
    if not is_call(node, {aten.conv2d.default, aten.conv2d.padding}) or not isinstance(weight, fx.Node):
        return False
    return int(argument(node, "groups")) > 1 and int(np.prod(shape_of(weight)[1:])) <= FEW_TAPS


def _only_bits(graph: Graph, node: fx.Node) -> bool:
    """True where binarize points are all that reads the node's values."""
    readers = graph.readers(node)
    return bool(readers) and all(reader in graph.points for reader in readers)


def channel_slopes(slope: np.ndarray, at: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """float64 (channels,): the slope of each channel of a (1, C, H, W) map, a row (1, C) or tokens (1, T, C).

    Elements without an integer (`at` -1) have no say; a channel of nothing else has slope 0.  None where a slope
    differs from place to place.
    """
    axis = 1 if len(shape) == 4 else len(shape) - 1
    inside = np.moveaxis((at >= 0).reshape(shape), axis, 0).reshape(shape[axis], -1)
    by_channel = np.moveaxis(slope.reshape(shape), axis, 0).reshape(shape[axis], -1)
    low = np.where(inside, by_channel, np.inf).min(axis=1)
    high = np.where(inside, by_channel, -np.inf).max(axis=1)
    low, high = (np.where(inside.any(axis=1), end, 0.0) for end in (low, high))
    if (high - low > ALIKE * np.maximum(np.abs(high), np.abs(low))).any():
        return None
    return np.asarray((low + high) / 2)


def folded(w: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """w (out_ch, in_ch / groups, ...) times the slope of each of the in_ch channels -> (out_ch, inputs)."""
    per_group = w.shape[1]
    groups = len(slopes) // per_group
    group = np.arange(len(w)) // (len(w) // groups)
    mine = slopes.reshape(groups, per_group)[group]
    return np.asarray((w * mine.reshape(*mine.shape, *(1,) * (w.ndim - 2))).reshape(len(w), -1))


def fits(q: np.ndarray, kind: Kind) -> bool:
    """True where sums of integers of a kind by the weights q (out_ch, inputs) stay within int32."""
    most = max(abs(end) for end in kind.range)
    return int(np.abs(q.astype(np.int64)).sum(axis=1).max()) * most < 2**31 - 1
