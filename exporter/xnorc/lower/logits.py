# SPDX-License-Identifier: Apache-2.0
"""The end of the network: int32 logits whose order is the float logits' order."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.capture import Captured
from xnorc.errors import LowerError
from xnorc.lower.builder import Builder
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import SOFTMAX, argument, is_call, is_moving, shape_of
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import tried
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine

UNIT = 2**30  # the greatest logit comes out near this
AFFINE = 1e-5  # of the greatest logit that can be: how far float32 may leave the line that a chain is taken for


def lower_logits(lowering: Lowering) -> Tensor:
    """Emit what turns the last sums into int32 (1, 1, classes); a softmax at the end is dropped, it keeps the order."""
    graph, builder = lowering.graph, lowering.builder
    node = without_softmax(graph.captured)
    for note in _dropped(graph, node):
        builder.note(note)
    stops = graph.origins[node]
    if len(stops) != 1:
        raise graph.refuse(node, "logits concatenated from several tensors", "one last layer")
    source = lowering.source(stops[0])
    classes = int(np.prod(shape_of(node)))
    chain = Chain(graph, node, np.arange(classes), list(stops))
    if (chain.entry < 0).any():
        raise graph.refuse(node, "a logit that depends on nothing")
    at = chain.entry_at
    slope, offset = _affine(graph, node, chain, source.scale[at], source.offset[at], source.low[at], source.high[at])
    moved = tried(lowering, node, [source.tensor], np.zeros(classes, np.int64), source.at[at], (1, 1, classes))
    if isinstance(moved, LowerError):
        h, w, _ = source.tensor.shape
        if (h, w) == (1, 1):
            raise moved
        hint = "one number a class, (1, classes): pool the map, or flatten it ahead of a linear layer"
        raise graph.refuse(graph.captured.logits, f"logits that are a map of {h}x{w} places", hint)
    tensor, _ = moved
    if tensor.kind is Kind.I32 and (slope == slope[0]).all() and slope[0] > 0 and not offset.any():
        return Tensor(tensor.name, tensor.shape, tensor.kind, float(slope[0]))
    return emit_logits(builder, layer_of(stops[0]), tensor, slope, offset, source.low[at], source.high[at])


def without_softmax(captured: Captured) -> fx.Node:
    """The node whose elements are the logits, ahead of softmax, views and the like.

    Raises:
        LowerError: a softmax runs over something else than the classes.
    """
    node = captured.logits
    while True:
        if is_call(node, SOFTMAX):
            axis = int(argument(node, "dim")) % len(shape_of(node))
            if shape_of(node)[axis] != int(np.prod(shape_of(node))):
                raise LowerError(
                    captured.where(node), "a softmax over something else than the classes", "a softmax of all logits"
                )
        elif not (is_moving(node) and np.prod(shape_of(node)) == np.prod(shape_of(node.all_input_nodes[0]))):
            return node
        node = node.all_input_nodes[0]


def _dropped(graph: Graph, end: fx.Node) -> list[str]:
    node, notes = graph.captured.logits, []
    while node is not end:
        if is_call(node, SOFTMAX):
            notes.append(f"{graph.where(node)}: dropped, it keeps the order of the logits")
        node = node.all_input_nodes[0]
    return notes


def _affine(
    graph: Graph,
    node: fx.Node,
    chain: Chain,
    scale: np.ndarray,
    offset: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The chain from the last sum to the logit as slope * q + offset, proved by asking it over the whole range.

    The answers are float32's, whose error grows with them.  A network's logits lie near 0 in a range that may be many
    thousand times as wide, so the offset is taken where the answer is the least, not at an end.
    """
    steps = 257
    q = low + (high - low) * np.arange(steps, dtype=np.int64)[:, None] // (steps - 1)
    entry = q * scale + offset
    real = chain(torch.from_numpy(entry).to(chain.stops[0].meta["val"].dtype)).double().numpy()
    span = np.maximum(high - low, 1)
    slope = (real[-1] - real[0]) / span
    least = np.abs(real).argmin(axis=0), np.arange(real.shape[1])
    start = real[least] - slope * np.broadcast_to(q, real.shape)[least]
    reach = np.abs(real).max() + 1e-30
    if np.abs(real - (slope * q + start)).max() > AFFINE * reach:
        raise graph.refuse(node, "what follows the last layer is not affine", "scale, shift, batch norm or a softmax")
    if not [n for n in chain.path if n is not node] and node is chain.stops[0]:
        return scale, offset
    return slope, start


def emit_logits(
    builder: Builder,
    layer: str,
    tensor: Tensor,
    slope: np.ndarray,
    offset: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> Tensor:
    """An Affine with as many bits as int32 and the 64-bit sum hold.

    With logit = slope q + offset and unit L, q' = round(logit / L) = (q M + A) >> s for M = round(slope 2^s / L), A =
    round(offset 2^s / L) + 2^(s-1).  L puts the greatest logit near 2^30, s is the greatest that keeps M within 31
    bits.
    """
    ends = np.stack([slope * low + offset, slope * high + offset])
    unit = max(float(np.abs(ends).max()), 1e-300) / UNIT
    most = float(np.abs(slope).max()) / unit
    shift = int(np.clip(np.floor(np.log2((2**31 - 1) / max(most, 1e-9))), 0, 30))
    mul = np.rint(slope / unit * 2.0**shift).astype(np.int64)
    half = (1 << shift) >> 1
    add = np.array([round(o) + half for o in (offset / unit * 2.0**shift)], np.int64)
    classes = tensor.shape[2]
    info = np.iinfo(np.int32)
    output = builder.tensor("logits", tensor.shape, Kind.I32, unit)
    node = Affine(
        name=layer,
        inputs=(tensor.name,),
        output=output,
        mul=mul.astype(np.int32).reshape(1, 1, classes),
        add=add.reshape(1, 1, classes),
        shift=shift,
        low=int(info.min),
        high=int(info.max),
        rows=np.zeros(1, np.uint8),
        cols=np.zeros(1, np.uint8),
    )
    return builder.emit(node)
