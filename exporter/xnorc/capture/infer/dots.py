# SPDX-License-Identifier: Apache-2.0
"""Bounds of convolutions, matrix products and batch norms: sums of products, rounded in any order."""

from __future__ import annotations

from math import prod

import torch
from torch import fx

from xnorc.capture.edit import dtype, given, shape
from xnorc.capture.infer.tables import Values, through_channels
from xnorc.capture.operations import Call
from xnorc.capture.values import UNKNOWN, Const, Finite, Range, Value, bounds
from xnorc.errors import Fault

EXACT = 2.0**24


def convolution(node: fx.Node, values: Values) -> Value:
    """Bounds of a convolution; padding adds zeros to what it sees."""
    padding = given(node, "padding")
    if isinstance(padding, str):
        pads = padding == "same"
    else:
        pads = bool(any(padding) if isinstance(padding, list | tuple) else padding)
    return _layer(node, values, zeros=pads)


def transposed(node: fx.Node, values: Values) -> Value:
    """Bounds of a transposed convolution: near the border some products are left out."""
    return _layer(node, values, zeros=True, outputs=1)


def linear(node: fx.Node, values: Values) -> Value:
    """Bounds of a linear layer."""
    return _layer(node, values, zeros=False)


def product(node: fx.Node, values: Values) -> Value:
    """Bounds of a product of two matrices, of which either or both depend on the image."""
    a, b = _operands(node)
    return _products(shape(a)[-1], bounds(values[a]), bounds(values[b]), node)


def _operands(node: fx.Node) -> tuple[fx.Node, fx.Node]:
    a, b = node.args[0], node.args[1]
    if not isinstance(a, fx.Node) or not isinstance(b, fx.Node):
        raise Fault(node.name, "is a dot without two tensors")
    return a, b


def _layer(node: fx.Node, values: Values, zeros: bool, outputs: int = 0) -> Value:
    """Bounds of a dot with weights and a bias.

    Args:
        zeros: some elements may count as 0.
        outputs: the weight's axis that numbers the outputs; with 1, those of one group.
    """
    a, b = _operands(node)
    left, right, bias = bounds(values[a]), values[b], given(node, "bias")
    if zeros:
        left = Range(min(left.lo, 0.0), max(left.hi, 0.0), left.integer, left.nan)
    if not left.finite or (isinstance(bias, fx.Node) and not isinstance(values[bias], Const)):
        return UNKNOWN
    eps = torch.finfo(dtype(node)).eps if dtype(node).is_floating_point else 0.0
    if not isinstance(right, Const):
        found = _products(prod(shape(b)) // shape(b)[outputs], left, bounds(right), node)
        if not found.finite:
            return UNKNOWN
        lo, hi = torch.tensor([found.lo], dtype=torch.float64), torch.tensor([found.hi], dtype=torch.float64)
        whole, slack = found.integer, 0.0
    else:
        weight = right.tensor.to(torch.float64).movedim(outputs, 0)
        summed = weight.reshape(weight.shape[0], -1)
        up, down = summed.clamp(min=0).sum(1), summed.clamp(max=0).sum(1)
        hi, lo = up * left.hi + down * left.lo, up * left.lo + down * left.hi
        largest = float((up - down).max()) * max(abs(left.lo), abs(left.hi))
        if _overflows(node, largest):
            return UNKNOWN
        whole = left.integer and bool((weight == weight.round()).all()) and largest < EXACT
        slack = 0.0 if whole else largest * summed.shape[1] * eps
    if isinstance(bias, fx.Node):
        offset = bounds(values[bias]) if len(lo) != shape(bias)[0] else None
        added = values[bias].tensor.to(torch.float64)  # type: ignore[union-attr]
        hi, lo = (hi + offset.hi, lo + offset.lo) if offset is not None else (hi + added, lo + added)
        whole = whole and bool((added == added.round()).all())
        slack += float(added.abs().max()) * eps
    return Range(float(lo.min()) - slack, float(hi.max()) + slack, whole)


def batch_norm(node: fx.Node, values: Values) -> Value:
    """A batch norm with stored statistics: a table stays one; each channel is monotone, so its ends are the ends."""
    x = node.args[0]
    if not isinstance(x, fx.Node):
        raise Fault(node.name, "has no tensor as its first argument")
    if isinstance(values[x], Finite):
        table = through_channels(node, values)
        if table is not None:
            return table
    call, within, channels = Call(node, values), bounds(values[x]), shape(x)[1]
    names = ("weight", "bias", "running_mean", "running_var")
    if any(call.varies(name) for name in names):
        return UNKNOWN
    ends = torch.tensor([[within.lo], [within.hi]], dtype=dtype(x)).expand(2, channels).contiguous()
    result = call.run("input", ends)
    if result.isnan().any():
        return UNKNOWN
    lo, hi = float(result.min()), float(result.max())
    weight, bias, mean, variance = (call.constant(name) for name in names)
    if mean is None or variance is None:
        return UNKNOWN
    scale = (1.0 if weight is None else weight.abs()) / (variance + float(call.argument("eps"))).sqrt()
    # Kernels differ in the order of these terms, which may cancel: what they lose is relative to the terms.
    terms = scale * (max(abs(within.lo), abs(within.hi)) + mean.abs()) + (0.0 if bias is None else bias.abs())
    if _overflows(node, float(terms.max())):
        return UNKNOWN
    slack = 1e-6 * max(abs(lo), abs(hi)) + 4 * torch.finfo(dtype(node)).eps * float(terms.max())
    return Range(lo - slack, hi + slack, nan=within.nan)


def _products(n: int, a: Range, b: Range, node: fx.Node) -> Range:
    if not (a.finite and b.finite):
        return UNKNOWN
    ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    largest = n * max(abs(e) for e in ends)
    if _overflows(node, largest):
        return UNKNOWN
    whole = a.integer and b.integer and largest < EXACT
    slack = 0.0 if whole or not dtype(node).is_floating_point else largest * n * torch.finfo(dtype(node)).eps
    return Range(n * min(ends) - slack, n * max(ends) + slack, whole)


def _overflows(node: fx.Node, largest: float) -> bool:
    """True where a sum of this magnitude, or a part of it, may leave the dtype's range."""
    kind = dtype(node)
    most = torch.finfo(kind).max if kind.is_floating_point else torch.iinfo(kind).max
    return not 2 * largest <= most
