# SPDX-License-Identifier: Apache-2.0
"""Averages and sums over places: integer window sums, whose division the meaning of the sum takes in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.lower.chain.blocks import affine
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import aten, is_call, shape_of, short_name
from xnorc.lower.graph.pool_window import pool_window, window_pairs
from xnorc.lower.graph.source import Source, canonical
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import routed
from xnorc.program import Kind, Window
from xnorc.program.nodes.sumpool2d import SumPool2d

SUM = 2**31 - 1  # greatest int32


@dataclass(frozen=True, eq=False)
class Pooling:
    """`out[o] = factor[o] * sum of x[e] over pairs (o, e)`; the map it slides over is (1, ch, h, w).

    With `tokens` the elements of what is pooled lie as (1, h, ch), w being 1.
    """

    window: Window
    factor: np.ndarray
    count: np.ndarray
    map_shape: tuple[int, ...]
    tokens: bool = False

    def channels_first(self, values: np.ndarray) -> np.ndarray:
        """One value an element of what is pooled, in the order of (1, ch, h, w)."""
        return values.reshape(-1, self.map_shape[1]).T.reshape(-1) if self.tokens else values


def lower_average(lowering: Lowering, node: fx.Node) -> Source:
    """Emit a SumPool2d over the integers ahead, or over a stream where the way to it is not affine or 32 bits do not
    hold the sums."""
    graph, builder = lowering.graph, lowering.builder
    before = node.args[0]
    assert isinstance(before, fx.Node)
    pooling = _pooling(graph, node, before)
    x = affine_input(lowering, before)
    source = x.source
    slope, offset, at = (pooling.channels_first(values) for values in (x.slope, x.offset, x.at))
    ch, h, w = pooling.map_shape[1:]
    tensor, _ = routed(lowering, node, source.tensor, at, (h, w, ch), nchw=True)
    per_channel_slope, per_channel_offset = slope.reshape(ch, -1), offset.reshape(ch, -1)
    taps = pooling.window.kh * pooling.window.kw
    varies = np.ptp(per_channel_slope, axis=1).any() or np.ptp(per_channel_offset, axis=1).any()
    if varies or taps * max(-int(source.low.min()), int(source.high.max())) > SUM:
        made = lowering.stream(before, graph.scales.int16(before))
        slope, offset, at = (pooling.channels_first(values) for values in (made.scale, made.offset, made.at))
        tensor, _ = routed(lowering, node, made.tensor, at, (h, w, ch), nchw=True)
        source, per_channel_slope, per_channel_offset = made, slope.reshape(ch, -1), offset.reshape(ch, -1)
    out_shape = (*pooling.window.out_hw(h, w), ch)
    output = builder.tensor(f"{layer_of(node)}_sums", out_shape, Kind.I32)
    builder.emit(SumPool2d(name=layer_of(node), inputs=(tensor.name,), output=output, window=pooling.window))
    # With x = slope q + offset, one pair a channel, and `count` elements in the window,
    #     out = factor * sum of x = (factor slope) * sum of q + factor offset count
    # so the division costs nothing: it is part of what the sum means.
    channel = np.repeat(np.arange(ch), len(pooling.factor) // ch)
    scale = per_channel_slope[channel, 0] * pooling.factor
    shift = per_channel_offset[channel, 0] * pooling.factor * pooling.count
    low, high = min(0, int(source.low.min())) * taps, max(0, int(source.high.max())) * taps
    # PyTorch adds floats.  Whole numbers it adds exactly (below 2^24); for others the result depends on the order, and
    # 2^-21 of the greatest sum, four units in float32's last place, is what it may be off by.
    whole = bool(
        (per_channel_slope == np.rint(per_channel_slope)).all()
        and (per_channel_offset == np.rint(per_channel_offset)).all()
    )
    reach = float(np.abs(scale).max() * max(-low, high) + np.abs(shift).max())
    noise = 0.0 if whole and source.exact and not source.noise.any() else reach * 2**-21
    size = len(scale)
    return Source(
        node=node,
        tensor=output,
        at=canonical((1, ch, *out_shape[:2])),
        scale=scale,
        offset=shift,
        low=np.full(size, low),
        high=np.full(size, high),
        noise=np.full(size, noise),
        exact=source.exact,
    )


@dataclass(frozen=True, eq=False)
class AffineInput:
    """Element e of a real node is slope[e] * q + offset[e], q being element at[e] of the source's tensor."""

    source: Source
    slope: np.ndarray
    offset: np.ndarray
    at: np.ndarray


def affine_input(lowering: Lowering, before: fx.Node) -> AffineInput:
    """A real node over the integers of its origin where the way there is affine; else as a stream."""
    graph = lowering.graph
    stops = graph.origins[before]
    elements = np.arange(int(np.prod(shape_of(before))))
    if len(stops) == 1:
        source = lowering.source(stops[0])
        chain = Chain(graph, before, elements, list(stops))
        if (chain.entry >= 0).all():
            found = affine(graph, chain, source)
            if found is not None:
                return AffineInput(source, found.slope, found.offset, source.at[chain.entry_at])
    made = lowering.stream(before, graph.scales.int16(before))
    return AffineInput(made, made.scale, made.offset, made.at)


def _map_of(graph: Graph, before: fx.Node, places: int) -> tuple[int, int]:
    """Height and width of a map flattened to (1, C, H * W)."""
    shape = shape_of(graph.origins[before][0])
    if len(shape) == 4 and shape[2] * shape[3] == places:
        return shape[2], shape[3]
    return places, 1


def _pooling(graph: Graph, node: fx.Node, before: fx.Node) -> Pooling:
    shape = shape_of(before)
    if is_call(node, {aten.avg_pool2d.default}):
        window = pool_window(node)
        ones = torch.ones(shape, dtype=torch.float64)
        share = node.target(ones, *node.args[1:], **node.kwargs).reshape(-1).numpy()  # type: ignore[operator]
        return _counted(window, shape, share)
    if is_call(node, {aten.adaptive_avg_pool2d.default}):
        return _adaptive(graph, node, shape)
    dims = node.args[1] if len(node.args) > 1 and node.args[1] is not None else list(range(1, len(shape)))
    reduced = sorted(int(d) % len(shape) for d in ([dims] if isinstance(dims, int) else dims))  # type: ignore[union-attr, arg-type]
    if len(shape) == 4 and reduced in ([2], [3]):
        return _strips(shape, reduced[0], short_name(node))
    if len(shape) == 3 and reduced == [1]:
        factor = 1.0 if short_name(node) == "sum" else 1.0 / shape[1]
        window, ch = Window(kh=shape[1], kw=1), shape[2]
        return Pooling(window, np.full(ch, factor), np.full(ch, shape[1]), (1, ch, shape[1], 1), tokens=True)
    if reduced not in ([2, 3], [2]) or (len(shape) == 4 and reduced != [2, 3]) or len(shape) not in (3, 4):
        raise graph.refuse(node, f"a {short_name(node)} over axes {reduced} of {shape}", "over height and width")
    h, w = (shape[2], shape[3]) if len(shape) == 4 else _map_of(graph, before, shape[2])
    factor = 1.0 if short_name(node) == "sum" else 1.0 / (h * w)
    ch = shape[1]
    return Pooling(Window(kh=h, kw=w), np.full(ch, factor), np.full(ch, h * w), (1, ch, h, w))


def _strips(shape: tuple[int, ...], axis: int, name: str) -> Pooling:
    """A sum along one of the two axes of a map."""
    _, ch, h, w = shape
    kh, kw = (h, 1) if axis == 2 else (1, w)
    factor = 1.0 if name == "sum" else 1.0 / (kh * kw)
    size = ch * (h // kh) * (w // kw)
    return Pooling(Window(kh=kh, kw=kw), np.full(size, factor), np.full(size, kh * kw), shape)


def _counted(window: Window, shape: tuple[int, ...], share: np.ndarray) -> Pooling:
    out, _ = window_pairs(window, shape)
    count = np.bincount(out, minlength=len(share))
    return Pooling(window, share / count, count, shape)


def _adaptive(graph: Graph, node: fx.Node, shape: tuple[int, ...]) -> Pooling:
    out_h, out_w = shape_of(node)[-2:]
    if shape[2] % out_h or shape[3] % out_w:
        raise graph.refuse(node, f"adaptive pooling from {shape[2:]} to {(out_h, out_w)}", "sizes that divide the map")
    kh, kw = shape[2] // out_h, shape[3] // out_w
    window = Window(kh=kh, kw=kw, stride_h=kh, stride_w=kw)
    return _counted(window, shape, np.ones(shape[1] * out_h * out_w))
