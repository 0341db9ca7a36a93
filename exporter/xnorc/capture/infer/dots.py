# SPDX-License-Identifier: Apache-2.0
"""Bounds of convolutions, matrix products and batch norms: sums of products, rounded in any order."""

from __future__ import annotations

from math import prod

import torch
from torch import fx

from xnorc.capture.edit import dtype, shape
from xnorc.capture.infer.pointwise import packet
from xnorc.capture.infer.tables import Values, ranked
from xnorc.capture.values import UNKNOWN, Const, Finite, Range, Value, bounds, collapse

aten = torch.ops.aten

CONVS = {aten.conv1d, aten.conv2d, aten.conv3d}
PRODUCTS = {aten.linear, aten.mm, aten.bmm, aten.matmul}
TRANSPOSED = {aten.conv_transpose1d, aten.conv_transpose2d}
DOTS = CONVS | PRODUCTS
EXACT = 2.0**24


def dot(node: fx.Node, values: Values) -> Value:
    """Bounds of a convolution or matrix product."""
    a, b = node.args[0], node.args[1]
    assert isinstance(a, fx.Node)
    assert isinstance(b, fx.Node)
    left, right = values[a], values[b]
    op = packet(node)
    if not isinstance(right, Const) or op in (aten.mm, aten.bmm, aten.matmul):
        n = shape(a)[-1]
        return _products(n, bounds(left), bounds(right), node)
    weight = right.tensor.to(torch.float64)
    x = bounds(left)
    if op in TRANSPOSED:
        summed = weight.transpose(0, 1).reshape(weight.shape[1], -1)
        x = Range(min(x.lo, 0.0), max(x.hi, 0.0), x.integer, x.nan)
    else:
        summed = weight.reshape(weight.shape[0], -1)
        if op in CONVS and _pads(node):
            x = Range(min(x.lo, 0.0), max(x.hi, 0.0), x.integer, x.nan)
    if not x.finite:
        return UNKNOWN
    up, down = summed.clamp(min=0).sum(1), summed.clamp(max=0).sum(1)
    hi, lo = up * x.hi + down * x.lo, up * x.lo + down * x.hi
    largest = float((up - down).max()) * max(abs(x.lo), abs(x.hi))
    whole = x.integer and bool((weight == weight.round()).all()) and largest < EXACT
    slack = 0.0 if whole else largest * summed.shape[1] * torch.finfo(dtype(node)).eps
    bias = node.args[2] if len(node.args) > 2 else None
    if isinstance(bias, fx.Node):
        added = values[bias]
        if not isinstance(added, Const):
            return UNKNOWN
        offset = added.tensor.to(torch.float64)
        if op in TRANSPOSED and len(offset) != len(hi):
            offset = offset.max(), offset.min()  # type: ignore[assignment]
            hi, lo = hi + offset[0], lo + offset[1]
        else:
            hi, lo = hi + offset, lo + offset
            whole = whole and bool((offset == offset.round()).all())
        slack += float(added.tensor.abs().max()) * torch.finfo(dtype(node)).eps
    return Range(float(lo.min()) - slack, float(hi.max()) + slack, whole)


def batch_norm(node: fx.Node, values: Values) -> Value:
    """Bounds of a batch norm with stored statistics: each channel is monotone, so its ends are the ends."""
    x = node.args[0]
    assert isinstance(x, fx.Node)
    within = bounds(values[x])
    channels = shape(x)[1]
    ends = torch.tensor([[within.lo], [within.hi]], dtype=dtype(x)).expand(2, channels).contiguous()
    args = [ends if a is x else values[a].tensor if isinstance(a, fx.Node) else a for a in node.args]  # type: ignore[union-attr]
    with torch.no_grad():
        result = node.target(*args)  # type: ignore[operator]
    lo, hi = float(result.min()), float(result.max())
    if result.isnan().any():
        return UNKNOWN
    slack = 1e-6 * max(abs(lo), abs(hi))
    return Range(lo - slack, hi + slack, nan=within.nan)


def batch_norm_table(node: fx.Node, values: Values) -> Value:
    """The table of a batch norm over few values: each row runs at the width of the channels."""
    x = node.args[0]
    assert isinstance(x, fx.Node)
    value = values[x]
    if not isinstance(value, Finite):
        return batch_norm(node, values)
    rows = []
    for row in value.vals:
        wide = ranked(row, x)
        wide = wide.expand(wide.shape[0], shape(x)[1], *wide.shape[2:]).contiguous()
        args = [wide if a is x else values[a].tensor if isinstance(a, fx.Node) else a for a in node.args]  # type: ignore[union-attr]
        with torch.no_grad():
            rows.append(collapse(node.target(*args)))  # type: ignore[operator]
    return Finite(value.src, value.codes, tuple(rows), value.tie)


def _products(n: int, a: Range, b: Range, node: fx.Node) -> Range:
    if not (a.finite and b.finite):
        return UNKNOWN
    ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    largest = n * max(abs(e) for e in ends)
    whole = a.integer and b.integer and largest < EXACT
    slack = 0.0 if whole else largest * n * torch.finfo(dtype(node)).eps
    return Range(n * min(ends) - slack, n * max(ends) + slack, whole)


def _pads(node: fx.Node) -> bool:
    padding = node.args[4] if len(node.args) > 4 else 0
    return bool(any(padding) if isinstance(padding, list | tuple) else padding)


def fan_in(node: fx.Node) -> int:
    """n: products in one output of a dot."""
    b = node.args[1]
    assert isinstance(b, fx.Node)
    return shape(b)[-1] if packet(node) in PRODUCTS else prod(shape(b)[1:])
