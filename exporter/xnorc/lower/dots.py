# SPDX-License-Identifier: Apache-2.0
"""A conv2d or linear node as a convolution in integers, and what its sums stand for.

With every input element x = slope * q + offset and pads among them (slope 0),

    out = sum w x + bias = sum (w slope) q + [ sum w offset + bias ]

The bracket depends on no image: it is the model's own convolution run on the offsets, a constant per output element that differs at
the border.  What is left are integers q times weights: +-a (a binary dot) or int8 steps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const, classify
from xnorc.capture import Kind as Kinds
from xnorc.lower.geometry import Geometry, geometry
from xnorc.lower.noise import measured_noise
from xnorc.lower.operand import Operand, as_integers, operand
from xnorc.lower.ops import shape_of
from xnorc.lower.quantise import int8_weights
from xnorc.lower.rerun import rerun
from xnorc.lower.scales import LIMIT8
from xnorc.lower.source import Source, canonical, program_shape
from xnorc.lower.state import Lowering
from xnorc.lower.streams import stream
from xnorc.program import Kind
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d


def lower_dot(lowering: Lowering, node: fx.Node) -> Source:
    """Emit a BConv2d or IConv2d without thresholds; returns what its sums mean."""
    weight = node.args[1]
    value = lowering.values.get(weight) if isinstance(weight, fx.Node) else None
    if not isinstance(value, Const):
        raise lowering.refuse(node, "the product of two activations", "a constant weight")
    assert isinstance(node.args[0], fx.Node)
    x = operand(lowering, node.args[0])
    w = value.tensor.to(torch.float64).numpy()
    if not np.isfinite(w).all():
        raise lowering.refuse(node, f"{int((~np.isfinite(w)).sum())} weights are not finite", "check the checkpoint")
    binary = x.tensor.kind is Kind.BIT and _is_binary(lowering, node, x, w)
    if x.tensor.kind is Kind.BIT and not binary:
        x = as_integers(lowering, x)
    if x.tensor.kind is Kind.I16 and np.abs(int8_weights(w.reshape(len(w), -1))[0].astype(np.int64)).sum(axis=1).max() * 2**15 >= 2**31:
        unit = lowering.scales.magnitude(x.node) / LIMIT8
        source = stream(lowering, x.node, unit, Kind.I8)
        x = Operand(x.node, source.tensor, source.at, np.where(source.at >= 0, unit, 0.0), source.offset, unit)
    where = geometry(lowering, node, x)
    offset = rerun(node, x.offset, w, bias=True).reshape(-1)
    if binary:
        return _binary(lowering, node, x, w, where, offset)
    return _integer(lowering, node, x, w, where, offset)


def _is_binary(lowering: Lowering, node: fx.Node, x: Operand, w: np.ndarray) -> bool:
    """Weights of one magnitude per output channel, on bits of one distance."""
    kind = classify(torch.from_numpy(w))
    if kind.near:
        raise lowering.refuse(
            node, f"the weights of channel {kind.near[0]} are two-valued but for rounding", "a straight-through form that cancels exactly"
        )
    if Kinds.TERNARY in kind.kinds:
        zeros = kind.zeros.tolist()
        first = np.unravel_index(int(zeros[0]), w.shape)
        raise lowering.refuse(
            node, f"{len(zeros)} binary weights are exactly 0 (the first at {tuple(int(i) for i in first)})",
            "sign(0) is 0: give a tie rule, or binarize with w >= 0",
        )  # fmt: skip
    return kind.binary and len(np.unique(x.slope[x.at >= 0])) == 1


def _binary(
    lowering: Lowering, node: fx.Node, x: Operand, w: np.ndarray, where: Geometry, offset: np.ndarray
) -> Source:
    slope = float(x.slope[x.at >= 0][0])
    flat = w.reshape(len(w), -1)
    scale = np.abs(flat).max(axis=1)
    signs = _arranged(np.where(w < 0, -1, 1).astype(np.int8), where)
    taps = np.abs(rerun(node, (x.at >= 0).astype(np.float64), np.ones_like(w), bias=False)).reshape(-1)
    if where.constant_pads:  # the pads are products like any other
        taps = np.full_like(taps, flat.shape[1])
        offset = rerun(node, np.where(x.at >= 0, x.offset, x.offset[x.at >= 0][0]), w, bias=True).reshape(-1)
    taps = taps.astype(np.int64)
    fan_in = flat.shape[1]
    shape = program_shape(shape_of(node))
    kind = Kind.I16 if fan_in < 2**15 else Kind.I32
    output = lowering.tensor(f"{lowering.layer(node)}_dot", shape, kind)
    lowering.emit(
        BConv2d(
            name=lowering.layer(node), inputs=(where.tensor.name,), output=output, weights=signs, window=where.window,
            groups=where.groups,
        )
    )  # fmt: skip
    channel = _channel(node)
    real_scale = (scale * slope)[channel]
    noise = measured_noise(lowering, node, x, w, real_scale, offset)
    return Source(
        node=node, tensor=output, at=canonical(shape_of(node)), scale=real_scale, offset=offset,
        low=np.full(len(taps), -fan_in), high=np.full(len(taps), fan_in), noise=noise, taps=taps,
    )  # fmt: skip


def _integer(
    lowering: Lowering, node: fx.Node, x: Operand, w: np.ndarray, where: Geometry, offset: np.ndarray
) -> Source:
    slope = _slopes_of_inputs(lowering, node, x, w)
    per_group = w.shape[1]
    out_per_group = len(w) // where.groups
    folded = np.empty_like(w)
    for c in range(len(w)):
        first = c // out_per_group * per_group
        folded[c] = w[c] * slope[first : first + per_group].reshape((-1,) + (1,) * (w.ndim - 2))
    q, step, exact = int8_weights(folded.reshape(len(w), -1))
    weights = _arranged(q.reshape(w.shape), where)
    shape = program_shape(shape_of(node))
    low, high = where.tensor.kind.range
    flat = q.astype(np.int64)
    up, down = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
    least, most = up * min(low, 0) + down * max(high, 0), up * max(high, 0) + down * min(low, 0)
    output = lowering.tensor(f"{lowering.layer(node)}_sum", shape, Kind.I32)
    lowering.emit(
        IConv2d(
            name=lowering.layer(node), inputs=(where.tensor.name,), output=output, weights=weights, window=where.window,
            groups=where.groups,
        )
    )  # fmt: skip
    if not exact.all():
        worst = float((np.abs(folded.reshape(len(w), -1) - q * step[:, None]).max(1) / np.maximum(np.abs(folded.reshape(len(w), -1)).max(1), 1e-300)).max())
        lowering.notes.append(
            f"{lowering.layer(node)}: {int((~exact).sum())} of {len(w)} channels of real weights rounded to int8, "
            f"by at most {worst:.2%} of the greatest"
        )
    channel = _channel(node)
    noise = measured_noise(lowering, node, x, w, None, offset)
    return Source(
        node=node, tensor=output, at=canonical(shape_of(node)), scale=step[channel], offset=offset, low=least[channel],
        high=most[channel], noise=noise, exact=bool(exact.all()) and x.error == 0.0,
    )  # fmt: skip


def _slopes_of_inputs(lowering: Lowering, node: fx.Node, x: Operand, w: np.ndarray) -> np.ndarray:
    """The slope of each input channel (features of a linear layer), the same over the map."""
    shape = shape_of(x.node)
    axis = 1 if len(shape) == 4 else len(shape) - 1
    inside = (x.at >= 0).reshape(shape)
    slope = np.moveaxis(np.where(inside, x.slope.reshape(shape), np.nan), axis, 0).reshape(shape[axis], -1)
    low, high = np.nanmin(slope, axis=1), np.nanmax(slope, axis=1)
    if (high - low > 1e-6 * np.abs(high)).any():
        raise lowering.refuse(node, "the scale of the input differs from place to place", "one scale a channel")
    return np.asarray((low + high) / 2)


def _channel(node: fx.Node) -> np.ndarray:
    """Output channel of every flat element of a dot."""
    shape = shape_of(node)
    if len(shape) == 4:
        return np.repeat(np.arange(shape[1]), shape[2] * shape[3])
    return np.tile(np.arange(shape[-1]), int(np.prod(shape[:-1])))


def _arranged(weights: np.ndarray, where: Geometry) -> np.ndarray:
    """Float order (out, in, kh, kw) or (out, features) -> program order (out, kh, kw, in), inputs as the tensor has them."""
    if weights.ndim == 4:
        moved = np.empty_like(weights)
        moved[:, where.order if where.groups == 1 else np.arange(weights.shape[1])] = weights
        return np.ascontiguousarray(moved.transpose(0, 2, 3, 1))
    moved = np.empty_like(weights)
    moved[:, where.order] = weights
    window = where.window
    return np.ascontiguousarray(moved.reshape(len(weights), window.kh, window.kw, -1))
