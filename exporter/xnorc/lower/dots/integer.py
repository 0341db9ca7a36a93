# SPDX-License-Identifier: Apache-2.0
"""Pixels, sums or streams by real weights: int8 weights, int16 ones in stencils, or 16 bits as two planes where the map
is small."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.builder import Builder
from xnorc.lower.dots.calibrated_windows import calibrated_windows
from xnorc.lower.dots.float_noise import measured_noise
from xnorc.lower.dots.geometry import Geometry, arranged, output_channel
from xnorc.lower.dots.narrow import narrowed, only_rounded
from xnorc.lower.dots.operand import Operand
from xnorc.lower.dots.quantise import BASE, int8_weights, int16_weights, wide_weights
from xnorc.lower.dots.real_weights import (
    channel_slopes,
    fits,
    folded,
    rounds_for_inputs,
    takes_16_bits,
    takes_wide_taps,
)
from xnorc.lower.dots.rounding import rounded_in_groups
from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.scales import LIMIT16
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.lowering import Lowering
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.mix import Mix

MIXED_BITS = 30


def integer_dot(
    lowering: Lowering, node: fx.Node, x: Operand, w: np.ndarray, where: Geometry, offset: np.ndarray
) -> Source:
    """Emit an IConv2d (or two and a Mix); the slope of each input channel is folded into the weights."""
    graph, builder = lowering.graph, lowering.builder
    slopes = channel_slopes(x.slope, x.at, shape_of(x.node))
    if slopes is None:
        raise graph.refuse(node, "the scale of the input differs from place to place", "one scale a channel")
    real = folded(w, slopes)
    kind = where.tensor.kind
    ends = kind.range if x.bounds is None else x.bounds
    q, step, exact = int8_weights(real)
    taps = not exact.all() and takes_wide_taps(graph, node, kind)
    planes = int16_weights(real)
    two = not taps and not exact.all() and takes_16_bits(graph, node)
    wide = two and all(fits(plane, kind) for plane in planes[:2])
    if wide:
        output, step, least, most, worst = _two_planes(builder, node, real, planes, w.shape, where, ends)
    else:
        if taps:
            q, step = wide_weights(real, max(abs(end) for end in ends))
        windows = (
            None if taps or exact.all() or not rounds_for_inputs(graph, node) else calibrated_windows(graph, node, x)
        )
        if windows is not None:
            closer, short = rounded_in_groups(real, step, windows)
            if fits(closer, kind):
                q, offset = closer, offset + short[output_channel(node)]
        output = _emit(builder, node, q.reshape(w.shape), where, f"{layer_of(node)}_sum")
        least, most = _reach(q, *ends)
        worst = np.abs(real - q * step[:, None]).max(1)
    if not exact.all():
        share = float((worst / np.maximum(np.abs(real).max(1), 1e-300)).max())
        builder.note(
            f"{layer_of(node)}: {int((~exact).sum())} of {len(w)} channels of real weights rounded to "
            f"{16 if wide or taps else 8} bits, by at most {share:.2g} of the greatest",
            output,
        )
    channel = output_channel(node)
    scale, narrow = step[channel], only_rounded(graph, node)
    if narrow:
        reach = int(max(-least.min(), most.max()))
        output, scale, offset = narrowed(lowering, node, output, scale, offset, reach)
        least, most = np.full(len(w), -LIMIT16), np.full(len(w), LIMIT16)
    return Source(
        node=node,
        tensor=output,
        at=canonical(shape_of(node)),
        scale=scale,
        offset=offset,
        low=least[channel],
        high=most[channel],
        noise=measured_noise(node, x, w, None, offset),
        exact=bool(exact.all() and x.error == 0.0) and not narrow,
    )


def _two_planes(
    builder: Builder,
    node: fx.Node,
    real: np.ndarray,
    made: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: tuple[int, ...],
    where: Geometry,
    ends: tuple[int, int],
) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(tensor of mixed sums, step of one unit, least, most, greatest weight error) for 16-bit weights."""
    high, low, step = made
    layer = layer_of(node)
    planes = [
        _emit(builder, node, plane.reshape(shape), where, f"{layer}_{name}")
        for plane, name in ((high, "high"), (low, "low"))
    ]
    bounds = [_reach(plane, *ends) for plane in (high, low)]
    least, most = (BASE * bounds[0][i].astype(object) + bounds[1][i].astype(object) for i in (0, 1))
    reach = max(int(-least.min()), int(most.max()), 1)
    shift = max(0, reach.bit_length() - MIXED_BITS)
    output = builder.tensor(f"{layer}_sum", planes[0].shape, Kind.I32)
    info, ch = np.iinfo(np.int32), len(real)
    builder.emit(
        Mix(
            name=layer,
            inputs=(planes[0].name, planes[1].name),
            output=output,
            mul_a=np.full(ch, BASE, np.int32),
            mul_b=np.ones(ch, np.int32),
            shift=shift,
            low=int(info.min),
            high=int(info.max),
        )
    )
    worst = np.abs(real - (high.astype(np.int64) * BASE + low) * step[:, None]).max(1)
    narrow = [np.array([int(e) >> shift for e in each], np.int64) for each in (least, most)]
    return output, step * 2.0**shift, narrow[0] - 1, narrow[1] + 1, worst


def _emit(builder: Builder, node: fx.Node, q: np.ndarray, where: Geometry, wanted: str) -> Tensor:
    output = builder.tensor(wanted, program_shape(shape_of(node)), Kind.I32)
    return builder.emit(
        IConv2d(
            name=layer_of(node),
            inputs=(where.tensor.name,),
            output=output,
            weights=arranged(q, where),
            window=where.window,
            groups=where.groups,
        )
    )


def _reach(q: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest sum of each output channel, whatever taps are skipped."""
    flat = q.reshape(len(q), -1).astype(np.int64)
    up, down = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
    return up * min(low, 0) + down * max(high, 0), up * max(high, 0) + down * min(low, 0)
