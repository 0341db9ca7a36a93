# SPDX-License-Identifier: Apache-2.0
"""A binarize point whose threshold is computed from the image: one number a channel (SD-BNN's ASD, DySign).

The point is f(p + s t) with p a map, t one number a channel that depends on p, s = +-1 and f flipping once, at some
margin m (0 as a rule).  With p = k q + b over integers q and t = u r + a over integers r (an affine image of a table,
whose index is the last sum of a small network over channel sums),

    bit  <=>  k q + b + s (u r + a) >= m   <=>   q >= T = ceil((m - b - s a) / k - (s u / k) r)    for k > 0
                                           <=>   q <  T = floor(the same) + 1                       for k < 0

(ceil and floor + 1 change places where the margin m itself gives no bit).  Ties matter: in a channel that a ReLU has
killed, map and threshold are both 0.

T is one Affine of r, per channel and image, and the point one Compare.  q are the sums of the convolution ahead
where only affine steps lie between, so that no stream is written; else q is the stream.  The channel sums are
SumPool2d nodes over the same integers.  Formulas: the papers' integer form in SD-BNN (arXiv 2103.02394) and DyBCNN
(arXiv 2211.02292) is ours; neither has one.
"""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.bits.margin import margin
from xnorc.lower.bits.threshold import compressed, emit_threshold
from xnorc.lower.builder import Builder
from xnorc.lower.chain.comparison import DynamicComparison, before_moves, entry
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.positions import broadcast_from
from xnorc.lower.graph.scales import VECTOR
from xnorc.lower.graph.source import BitOfRow
from xnorc.lower.layer_rows import DynamicThresholdRow
from xnorc.lower.lowering import BitSource, Lowering
from xnorc.lower.streams.affine import fixed_point
from xnorc.lower.streams.average import affine_input
from xnorc.lower.streams.stream import open_stream
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.compare import Compare

BITS = 14  # how much flatter than the steepest channel, in powers of two, a channel may be
CONSTANT = 2.0**-9  # a threshold that moves by less than this share of the map's magnitude is taken for constant
LIMIT = 2**30  # beyond every sum: T saturates there


def lower_dynamic(lowering: Lowering, node: fx.Node, found: DynamicComparison, bit_of_row: BitOfRow) -> BitSource:
    """Emit the thresholds and the comparison of a dynamic point.

    Raises:
        LowerError: the map or the thresholds have no integer form.
    """
    graph, builder = lowering.graph, lowering.builder
    flips = margin(graph, node, found.end, bit_of_row)
    x = affine_input(lowering, found.compared)
    source, at = x.source, x.at
    if source.tensor.kind is Kind.BIT:
        raise graph.refuse(node, "bits are compared with a threshold computed from the image", "real values")
    if (at < 0).any():
        raise graph.refuse(node, "a binarized map with constant elements", "pad after the binarizer, not before it")
    h, w, ch = source.tensor.shape
    spread = broadcast_from(shape_of(found.compared), shape_of(found.end))
    channels = at[spread] % ch
    k, b = (_per_channel(graph, node, found, values[spread], channels, ch) for values in (x.slope, x.offset))
    reach = float(max(np.abs(source.low).max(), np.abs(source.high).max()))
    layer = layer_of(node)
    vector = before_moves(found.threshold)
    if int(np.prod(shape_of(vector))) > VECTOR:
        raise graph.refuse(vector, "thresholds are expanded to a map and worked on there", "expand them last")
    images = graph.scales.vectors(vector)  # (images, elements)
    of_channel = np.zeros(ch, np.int64)
    of_channel[channels] = entry(graph, found.threshold, vector, found.end)
    moves = np.ptp(images, axis=0)[of_channel]
    moving = moves > CONSTANT * graph.scales.reach(found.compared)
    static = not moving.any() and graph.options.static_collapsed
    flip = (k * found.compared_sign < 0) != (not flips.rises)
    if static:
        level = images.mean(axis=0)[of_channel] * found.threshold_sign
        k = k * found.compared_sign
        k = np.where(k == 0, 1e-30, k)
        real = (flips.at - found.compared_sign * b - level) / k
        thr = np.clip(np.where((k > 0) == flips.included, np.ceil(real), np.floor(real) + 1), -LIMIT, LIMIT)
        whole = np.broadcast_to(thr.astype(np.int64), (h, w, ch))
        bits = emit_threshold(builder, layer, source.tensor, compressed([whole], flip))
        _tell(lowering, node, found, moving, images, static, bits)
        return BitSource(node, bits, at[spread], bit_of_row, exact=False)
    t = open_stream(lowering, vector)
    place = _arranged(graph, node, t.at[of_channel], t.tensor)
    u, a = t.scale[of_channel], t.offset[of_channel]
    k = _steep(k * found.compared_sign, u, reach)
    ratio = -found.threshold_sign * u / k
    beyond = reach + np.abs(ratio) * int(t.high.max()) + 2  # here a bit is constant, and farther only costs room
    start = np.clip((flips.at - found.compared_sign * b - found.threshold_sign * a) / k, -beyond, beyond)
    thresholds = _thresholds(builder, layer, place, int(t.high.max()), ratio, start, (k > 0) == flips.included)
    output = builder.tensor(f"{layer}_bits", source.tensor.shape, Kind.BIT)
    compare = Compare(name=layer, inputs=(source.tensor.name, thresholds.name), output=output, flip=flip)
    _tell(lowering, node, found, moving, images, static, builder.emit(compare))
    return BitSource(node, output, at[spread], bit_of_row, exact=False)


def _per_channel(
    graph: Graph, node: fx.Node, found: DynamicComparison, values: np.ndarray, channels: np.ndarray, ch: int
) -> np.ndarray:
    """One number a channel of the tensor, from one an element."""
    out = np.zeros(ch)
    out[channels] = values
    if (np.abs(out[channels] - values) > 1e-6 * np.abs(values).max()).any():
        raise graph.refuse(
            node,
            "thresholds that change from image to image, on a map in which the same sum stands for other values at the "
            "border (zeros around images that have a mean, or an average over the border)",
            'edge values instead of zeros (padding_mode="replicate"), images without a mean, or no padding',
        )
    return out


def _steep(k: np.ndarray, unit: np.ndarray, reach: float) -> np.ndarray:
    """Slopes, none so flat that the whole range of q moves p by less than half a unit of t (those decide nothing), or
    by less than 2^-BITS of what it moves the steepest channel's (all channels share one shift)."""
    least = np.maximum(np.abs(unit) / (2 * max(reach, 1.0)), float(np.abs(k).max()) * 2.0**-BITS)
    least = np.maximum(least, 1e-30)
    return np.where(np.abs(k) < least, np.where(k < 0, -least, least), k)


def _arranged(graph: Graph, node: fx.Node, at: np.ndarray, tensor: Tensor) -> Tensor:
    """The tensor of r, which must hold the channels in their order."""
    if tensor.shape != (1, 1, len(at)) or (at != np.arange(len(at))).any():
        raise graph.refuse(
            node,
            f"thresholds computed for {tensor.shape[2]} channels in another order than the {len(at)} compared",
            "one output of the threshold network for each channel, in order",
        )
    return tensor


def _thresholds(
    builder: Builder, layer: str, r: Tensor, reach: int, ratio: np.ndarray, start: np.ndarray, ceil: np.ndarray
) -> Tensor:
    """T = ceil(start + ratio r), or floor + 1 where not `ceil`, as one Affine to int32; |r| <= reach."""
    shift = fixed_point(ratio, start, reach)
    mul = np.rint(ratio * 2.0**shift).astype(np.int64)
    one = 1 << shift
    add = np.rint(start * 2.0**shift).astype(np.int64) + np.where(ceil, one - 1, one)
    zero = np.zeros(1, np.uint8)
    return builder.emit(
        Affine(
            name=layer,
            inputs=(r.name,),
            output=builder.tensor(f"{layer}_thr", r.shape, Kind.I32),
            mul=mul.astype(np.int32).reshape(1, 1, -1),
            add=add.reshape(1, 1, -1),
            shift=shift,
            low=-LIMIT,
            high=LIMIT,
            rows=zero,
            cols=zero,
        )
    )


def _tell(
    lowering: Lowering,
    node: fx.Node,
    found: DynamicComparison,
    moving: np.ndarray,
    images: np.ndarray,
    static: bool,
    about: Tensor,
) -> None:
    """The line of the layer report, and a note where the thresholds have collapsed."""
    graph, builder = lowering.graph, lowering.builder
    layer = layer_of(node)
    row = DynamicThresholdRow(
        layer=layer,
        where=graph.where(node),
        elements=int(np.prod(shape_of(found.end))),
        moving=int(moving.sum()),
        channels=len(moving),
        spread=float(images.std(axis=0).mean()),
        static=static,
        exact=False,
    )
    builder.tell(row, about)
    if not moving.any():
        what = "exported as constants" if static else "static_collapsed=True (--static-collapsed) makes them constants"
        same = f"thresholds computed from the image are the same for all {len(images)} calibration images"
        builder.note(f"{layer}: {same}; {what}", about)
