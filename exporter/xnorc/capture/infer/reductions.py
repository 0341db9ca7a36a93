# SPDX-License-Identifier: Apache-2.0
"""Bounds of operations that reduce over elements: means, sums, variances, softmax, arg max, average pools, norms."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, prod, sqrt
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import dtype, shape
from xnorc.capture.infer.pointwise import packet
from xnorc.capture.infer.tables import Values, source
from xnorc.capture.operations import running_mean
from xnorc.capture.values import MAX_CODES, UNKNOWN, Const, Range, Value, bounds

aten = torch.ops.aten


def _x(node: fx.Node) -> fx.Node:
    assert isinstance(node.args[0], fx.Node)
    return node.args[0]


def _reduced(node: fx.Node) -> int:
    """How many elements go into one element of the result."""
    return max(1, prod(shape(_x(node))) // max(1, prod(shape(node))))


def _eps(node: fx.Node) -> float:
    return torch.finfo(dtype(node)).eps if dtype(node).is_floating_point else 0.0


def _mean(node: fx.Node, x: Range) -> Range:
    slack = max(abs(x.lo), abs(x.hi)) * _reduced(node) * _eps(node)
    return Range(x.lo - slack, x.hi + slack, nan=x.nan)


def _pool(node: fx.Node, x: Range) -> Range:
    return _mean(node, Range(min(x.lo, 0.0), max(x.hi, 0.0), nan=x.nan))


def _sum(node: fx.Node, x: Range) -> Range:
    n = _reduced(node)
    largest = n * max(abs(x.lo), abs(x.hi))
    whole = x.integer and (largest < 2**24 or not dtype(node).is_floating_point)
    slack = 0.0 if whole else largest * n * _eps(node)
    return Range(n * x.lo - slack, n * x.hi + slack, whole, x.nan)


def _same(_node: fx.Node, x: Range) -> Range:
    return x


def _variance(node: fx.Node, x: Range) -> Range:
    n = _reduced(node)
    if n < 2:
        return UNKNOWN
    return Range(0.0, ((x.hi - x.lo) / 2) ** 2 * n / (n - 1) * (1 + n * _eps(node)))


def _deviation(node: fx.Node, x: Range) -> Range:
    variance = _variance(node, x)
    return Range(0.0, sqrt(variance.hi) * (1 + 4 * _eps(node)), nan=variance.nan) if variance.finite else UNKNOWN


def _softmax(_node: fx.Node, _x: Range) -> Range:
    return Range(0.0, 1.0)


def _log_softmax(node: fx.Node, x: Range) -> Range:
    lo = -(x.hi - x.lo) - log(max(2, prod(shape(node))))
    return Range(lo * (1 + 1e-5), 0.0)


def _norm(node: fx.Node, x: Range) -> Range:
    return Range(0.0, max(abs(x.lo), abs(x.hi)) * _reduced(node) * (1 + 1e-5))


BOUNDS: dict[Any, Callable[[fx.Node, Range], Range]] = {
    aten.mean: _mean,
    running_mean.overloadpacket: _mean, aten.avg_pool1d: _pool, aten.avg_pool2d: _pool, aten.avg_pool3d: _pool,
    aten.adaptive_avg_pool1d: _mean, aten.adaptive_avg_pool2d: _mean, aten.sum: _sum, aten.amax: _same,
    aten.amin: _same, aten.max: _same, aten.min: _same, aten.median: _same, aten.cummax: _same,
    aten.var: _variance, aten.std: _deviation, aten.softmax: _softmax, aten._softmax: _softmax,
    aten.log_softmax: _log_softmax, aten._log_softmax: _log_softmax, aten.linalg_vector_norm: _norm, aten.norm: _norm,
    aten.upsample_nearest2d: _same, aten.upsample_bilinear2d: _same,
}  # fmt: skip
INDICES = {aten.argmax, aten.argmin}


def reduce(node: fx.Node, values: Values) -> Value:
    """The value of a reduction of one tensor."""
    x = bounds(values[_x(node)])
    if not x.finite and packet(node) not in (aten.amax, aten.amin, aten.max, aten.min):
        return UNKNOWN
    return BOUNDS[packet(node)](node, x)


def index_of_extreme(node: fx.Node, values: Values) -> Value:
    """arg max and arg min: whole numbers below the length they run over; a source where that is at most eight."""
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    length = prod(shape(_x(node))) if dim is None else shape(_x(node))[int(dim)]  # type: ignore[arg-type]
    if length <= MAX_CODES:
        return source(node, [torch.tensor(i, dtype=dtype(node)) for i in range(length)])
    return Range(0.0, float(length - 1), integer=True)


def any_or_all(node: fx.Node, _values: Values) -> Value:
    """any, all: a truth value."""
    return source(node, [torch.tensor(False), torch.tensor(True)])


def layer_norm(node: fx.Node, values: Values) -> Value:
    """|normalised| <= sqrt(n - 1): the extreme is one element apart from all others."""
    x = bounds(values[_x(node)])
    normalised = node.args[1] if packet(node) is aten.layer_norm else None
    n = prod(normalised) if isinstance(normalised, list | tuple) else prod(shape(_x(node))[1:])
    scale = [bounds(values[a]) for a in node.args[2:4] if isinstance(a, fx.Node) and isinstance(values[a], Const)]
    if not x.finite:
        return UNKNOWN
    reach = sqrt(max(n, 1)) * (max(abs(scale[0].lo), abs(scale[0].hi)) if scale else 1.0)
    reach = reach * (1 + 1e-4) + (max(abs(scale[1].lo), abs(scale[1].hi)) if len(scale) > 1 else 0.0)
    return Range(-reach, reach) if reach < inf else UNKNOWN
