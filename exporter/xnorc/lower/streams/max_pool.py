# SPDX-License-Identifier: Apache-2.0
"""Max pools of integers."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.lower.builder import Builder
from xnorc.lower.chain.blocks import affine
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.monotone import is_monotone
from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.pool_window import pool_window
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import routed
from xnorc.lower.streams.affine import emit_affine
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.maxpool2d import MaxPool2d


def lower_max_pool(lowering: Lowering, node: fx.Node) -> Source:
    """A max pool on integers: of the sums themselves where the way to the pool is affine, of a stream elsewhere.

    max(a q + b) is a max(q) + b for a > 0; channels with a < 0 are negated first.
    """
    graph, builder = lowering.graph, lowering.builder
    before = node.args[0]
    assert isinstance(before, fx.Node)
    stops = graph.origins[before]
    shape = shape_of(before)
    made = _affine_pool(lowering, node, before, stops[0]) if len(stops) == 1 else None
    if made is not None:
        return made
    source = lowering.stream(before, graph.scales.int16(before))
    tensor, _ = routed(lowering, node, source.tensor, source.at, program_shape(shape), nchw=True)
    pooled = _emit_max_pool(builder, node, tensor)
    size = int(np.prod(shape_of(node)))
    return Source(
        node=node,
        tensor=pooled,
        at=canonical(shape_of(node)),
        scale=np.full(size, source.scale[0]),
        offset=np.zeros(size),
        low=np.full(size, source.low[0]),
        high=np.full(size, source.high[0]),
        noise=np.zeros(size),
        exact=source.exact,
    )


def _emit_max_pool(builder: Builder, node: fx.Node, tensor: Tensor) -> Tensor:
    window = pool_window(node)
    shape = (*window.out_hw(*tensor.shape[:2]), tensor.shape[2])
    output = builder.tensor(f"{layer_of(node)}_pool", shape, tensor.kind, tensor.scale)
    return builder.emit(MaxPool2d(name=layer_of(node), inputs=(tensor.name,), output=output, window=window))


def _affine_pool(lowering: Lowering, node: fx.Node, before: fx.Node, stop: fx.Node) -> Source | None:
    """Pool the integers of `stop`, if the chain to the pool is one affine function a channel."""
    graph, builder = lowering.graph, lowering.builder
    source = lowering.source(stop)
    if source.tensor.kind is Kind.BIT:
        return None
    shape = shape_of(before)
    head = Chain(graph, before, np.arange(int(np.prod(shape))), [stop])
    if (head.entry < 0).any() or not is_monotone(head):
        return None
    found = affine(graph, head, source)
    if found is None:
        return None
    ch = shape[1]
    per_channel = found.slope.reshape(ch, -1), found.offset.reshape(ch, -1)
    if any(np.ptp(p, axis=1).any() for p in per_channel) or (per_channel[0] == 0).any():
        return None
    at = source.at[head.entry_at]
    tensor, _ = routed(lowering, node, source.tensor, at, program_shape(shape), nchw=True)
    sign = np.sign(per_channel[0][:, 0]).astype(np.int64)
    reach = int(max(np.abs(source.low).max(), np.abs(source.high).max()))
    if (sign < 0).any():
        h, w, _ = tensor.shape
        tiled = np.tile(sign, h * w).astype(np.float64)
        tensor = emit_affine(
            lowering,
            node,
            tensor,
            np.arange(tensor.size),
            tiled,
            np.zeros(tensor.size),
            tensor.kind,
            1.0,
            (-reach, reach),
            reach,
            f"{layer_of(node)}_turned",
        )
    pooled = _emit_max_pool(builder, node, tensor)
    channel = np.repeat(np.arange(ch), int(np.prod(shape_of(node)[2:])))
    representative = np.arange(ch) * (head.entry_at.size // ch)
    low = np.where(sign > 0, source.low[head.entry_at[representative]], -source.high[head.entry_at[representative]])
    high = np.where(sign > 0, source.high[head.entry_at[representative]], -source.low[head.entry_at[representative]])
    small = head.at_sites(representative)

    def evaluate(q: np.ndarray, wanted: np.ndarray, shift: float) -> torch.Tensor:
        part = head.at_sites(representative[channel[wanted]])
        return part(source.real(q * sign[channel[wanted]], part.entry_at, shift))

    return Source(
        node=node,
        tensor=pooled,
        at=canonical(shape_of(node)),
        scale=np.abs(per_channel[0][:, 0])[channel],
        offset=per_channel[1][:, 0][channel],
        low=low[channel],
        high=high[channel],
        noise=source.noise[small.entry_at][channel],
        kind_of=channel,
        evaluate=evaluate,
        exact=source.exact,
    )
