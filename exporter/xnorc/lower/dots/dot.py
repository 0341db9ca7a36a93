# SPDX-License-Identifier: Apache-2.0
"""A conv2d or linear node as a convolution in integers, and what its sums stand for.

With every input element x = slope * q + offset and pads among them (slope 0),

    out = sum w x + bias = sum (w slope) q + [ sum w offset + bias ]

The bracket depends on no image: it is the model's own convolution run on the offsets, a constant per output
element that differs at the border.  What is left are integers q times weights: +-a (a binary dot), m +- a (two),
or int8 steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const, Weights, classify
from xnorc.capture import Kind as Weigh
from xnorc.lower.dots.binary import binary_dot, two_valued_dot
from xnorc.lower.dots.geometry import geometry
from xnorc.lower.dots.integer import integer_dot
from xnorc.lower.dots.operand import Operand, as_integers, operand
from xnorc.lower.dots.quantise import int8_weights
from xnorc.lower.dots.real_weights import is_hidden
from xnorc.lower.dots.rerun import rerun
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.scales import LIMIT8
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Lowering
from xnorc.program import Kind


def lower_dot(lowering: Lowering, node: fx.Node) -> Source:
    """Emit the convolution without thresholds; returns what its sums mean."""
    graph, builder = lowering.graph, lowering.builder
    weight = node.args[1]
    value = graph.values.get(weight) if isinstance(weight, fx.Node) else None
    if not isinstance(value, Const):
        raise graph.refuse(node, "a constant times an activation", "the activation first, as in F.linear")
    assert isinstance(node.args[0], fx.Node)
    x = operand(lowering, node.args[0])
    w = value.tensor.to(torch.float64).numpy()
    if not np.isfinite(w).all():
        raise graph.refuse(node, f"{int((~np.isfinite(w)).sum())} weights are not finite", "check the checkpoint")
    kind = _binary_kind(graph, node, x, w)
    if is_hidden(graph, node):
        _refuse_half_binary(graph, node, x, w, kind)
    if kind is None:
        x = _integers(lowering, x, w)
    where = geometry(lowering, node, x)
    offset = rerun(node, x.offset, w, bias=True).reshape(-1)
    if kind is None:
        return integer_dot(lowering, node, x, w, where, offset)
    if kind.binary:
        return binary_dot(builder, node, x, w, where, offset)
    return two_valued_dot(builder, node, x, w, kind, where, offset)


def _refuse_half_binary(graph: Graph, node: fx.Node, x: Operand, w: np.ndarray, kind: Weights | None) -> None:
    """A hidden layer binary in one operand alone: most likely a binarizer that was not applied.

    The image and streams by real weights (stems, shortcuts) are neither.
    """
    if x.tensor.kind is Kind.BIT and kind is None:
        _refuse_unlike_values(graph, node, x, w)
        values = len(np.unique(w[0]))
        edges = ", ".join(f"{e:.2g}" for e in np.quantile(w, [0, 0.25, 0.5, 0.75, 1]))
        raise graph.refuse(
            node,
            f"binary input but real weights: channel 0 has {values} different values (quartiles of all: {edges})",
            "weights of one magnitude per output channel; are they binarized outside the model?",
        )
    binary = w[0].size > 2 and classify(torch.from_numpy(w)).binary
    if binary and x.tensor.kind is not Kind.BIT and graph.input not in graph.origins[x.node]:
        raise graph.refuse(
            node, "binary weights but a real-valued activation", "binarize the activation ahead of this layer"
        )


def _refuse_unlike_values(graph: Graph, node: fx.Node, x: Operand, w: np.ndarray) -> None:
    """Weights of two values that no binary convolution takes: say what it is that is missing."""
    kinds = classify(torch.from_numpy(w)).kinds
    if w[0].size < 3 or not all(k in (Weigh.BINARY, Weigh.TWO_VALUED, Weigh.ZERO) for k in kinds):
        return
    apart = 2 * np.abs(x.slope[x.at >= 0])
    if apart.min() < apart.max():
        raise graph.refuse(
            node,
            f"binary weights, but the two values of the input lie {apart.min():.3g} apart in one place and "
            f"{apart.max():.3g} in another",
            "one distance for the whole map: scale behind the layer, or in its weights",
        )
    raise graph.refuse(
        node,
        "weights of two values that are not +-a, in a convolution with groups",
        "weights of one magnitude per output channel, or no groups",
    )


def _binary_kind(graph: Graph, node: fx.Node, x: Operand, w: np.ndarray) -> Weights | None:
    """The weights as +-a or m +- a per output channel, on bits of one distance; None where they are real."""
    if x.tensor.kind is not Kind.BIT:
        return None
    kind = classify(torch.from_numpy(w))
    if kind.near:
        raise graph.refuse(
            node,
            f"the weights of channel {kind.near[0]} are two-valued but for rounding",
            "a straight-through form that cancels exactly",
        )
    if Weigh.TERNARY in kind.kinds:
        zeros = kind.zeros.tolist()
        first = np.unravel_index(int(zeros[0]), w.shape)
        raise graph.refuse(
            node,
            f"{len(zeros)} binary weights are exactly 0 (the first at {tuple(int(i) for i in first)})",
            "sign(0) is 0: give a tie rule, or binarize with w >= 0",
        )
    one_distance = len(np.unique(x.slope[x.at >= 0])) == 1
    two_values = all(k in (Weigh.BINARY, Weigh.TWO_VALUED, Weigh.ZERO) for k in kind.kinds)
    grouped = node.args[0] is not None and w.ndim == 4 and w.shape[1] != _channels(x.node)
    usable = kind.binary or (two_values and not grouped and w[0].size > 2)
    return kind if one_distance and usable else None


def _channels(node: fx.Node) -> int:
    return int(node.meta["val"].shape[1])


def _integers(lowering: Lowering, x: Operand, w: np.ndarray) -> Operand:
    """Bits as int8; an int16 stream as int8 where its sums could pass 32 bits."""
    graph = lowering.graph
    if x.tensor.kind is Kind.BIT:
        return as_integers(lowering, x)
    most = np.abs(int8_weights(w.reshape(len(w), -1))[0].astype(np.int64)).sum(axis=1).max()
    if x.tensor.kind is not Kind.I16 or most * 2**15 < 2**31:
        return x
    unit = graph.scales.magnitude(x.node) / LIMIT8
    source = lowering.stream(x.node, unit, Kind.I8)
    return replace(
        x,
        tensor=source.tensor,
        at=source.at,
        slope=np.where(source.at >= 0, unit, 0.0),
        offset=source.offset,
        error=unit,
        bounds=None,
    )
