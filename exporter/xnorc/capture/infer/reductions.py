# SPDX-License-Identifier: Apache-2.0
"""Bounds of operations that reduce over elements: means, sums, variances, softmax, arg max, average pools, norms."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, prod, sqrt

import torch
from torch import fx

from xnorc.capture.edit import argument_names, dtype, given, shape
from xnorc.capture.infer.tables import Values, source
from xnorc.capture.operations import Rule, operation
from xnorc.capture.values import MAX_CODES, UNKNOWN, Const, Range, Value, bounds
from xnorc.errors import Fault


def _x(node: fx.Node) -> fx.Node:
    if not isinstance(node.args[0], fx.Node):
        raise Fault(node.name, "has no tensor as its first argument")
    return node.args[0]


def _reduced(node: fx.Node) -> int:
    """How many elements go into one element of the result."""
    return max(1, prod(shape(_x(node))) // max(1, prod(shape(node))))


def _eps(node: fx.Node) -> float:
    return torch.finfo(dtype(node)).eps if dtype(node).is_floating_point else 0.0


def _mean(node: fx.Node, x: Range) -> Range:
    n = 9 * _reduced(node)  # adaptive windows overlap: an axis of size L >= o has windows of at most 3 floor(L / o)
    slack = max(abs(x.lo), abs(x.hi)) * n * _eps(node)
    return Range(x.lo - slack, x.hi + slack, nan=x.nan)


def _padded_mean(node: fx.Node, x: Range) -> Range:
    slack = max(abs(x.lo), abs(x.hi)) * (prod(shape(_x(node))[2:]) + 2) * _eps(node)
    return Range(min(x.lo, 0.0) - slack, max(x.hi, 0.0) + slack, nan=x.nan)


def _blend(node: fx.Node, x: Range) -> Range:
    slack = max(abs(x.lo), abs(x.hi)) * 16 * _eps(node)
    return Range(x.lo - slack, x.hi + slack, nan=x.nan)


def _sum(node: fx.Node, x: Range) -> Range:
    n = _reduced(node)
    largest = n * max(abs(x.lo), abs(x.hi))
    kind = dtype(node)
    if not kind.is_floating_point:
        return Range(n * x.lo, n * x.hi, integer=True)
    whole = x.integer and largest < 2 / torch.finfo(kind).eps
    slack = 0.0 if whole else largest * n * _eps(node)
    return Range(n * x.lo - slack, n * x.hi + slack, whole, x.nan)


def _variance(node: fx.Node, x: Range) -> Range:
    n, correction = _reduced(node), _correction(node)
    if n <= correction:
        return UNKNOWN
    half = (x.hi - x.lo) / 2 + n * _eps(node) * max(abs(x.lo), abs(x.hi))  # the mean that is taken off is rounded too
    return Range(0.0, half**2 * n / (n - correction) * (1 + n * _eps(node)))


def _correction(node: fx.Node) -> float:
    """What is taken off n ahead of the division."""
    names = argument_names(node)
    if "unbiased" in names:
        return 1.0 if given(node, "unbiased") else 0.0
    number = given(node, "correction") if "correction" in names else None
    return 1.0 if number is None else float(number)


def _deviation(node: fx.Node, x: Range) -> Range:
    variance = _variance(node, x)
    return Range(0.0, sqrt(variance.hi) * (1 + 4 * _eps(node)), nan=variance.nan) if variance.finite else UNKNOWN


def _softmax(_node: fx.Node, _x: Range) -> Range:
    return Range(0.0, 1.0)


def _log_softmax(node: fx.Node, x: Range) -> Range:
    lo = -(x.hi - x.lo) - log(max(2, prod(shape(node))))
    return Range(lo * (1 + max(1e-5, 4 * _eps(node))), 0.0)


def _norm(node: fx.Node, x: Range) -> Range:
    n = _reduced(node)
    return Range(0.0, max(abs(x.lo), abs(x.hi)) * n * (1 + max(1e-5, n * _eps(node))))


BOUNDS: dict[Rule, Callable[[fx.Node, Range], Range]] = {
    Rule.MEAN: _mean,
    Rule.PADDED_MEAN: _padded_mean,
    Rule.BLEND: _blend,
    Rule.SUM: _sum,
    Rule.VARIANCE: _variance,
    Rule.DEVIATION: _deviation,
    Rule.SOFTMAX: _softmax,
    Rule.LOG_SOFTMAX: _log_softmax,
    Rule.NORM: _norm,
}


def reduce(node: fx.Node, values: Values) -> Value:
    """The value of a reduction of one tensor."""
    row, x = operation(node), bounds(values[_x(node)])
    if row is None or row.rule is None:
        raise Fault(node.name, "is bounded as a reduction, and is none")
    if row.rule is Rule.PICK:
        return x
    if not x.finite or _may_overflow(node, x, _power(node, row.rule)):
        return UNKNOWN
    return BOUNDS[row.rule](node, x)


def _power(node: fx.Node, rule: Rule) -> float:
    """To which power elements are raised on the way."""
    if rule in (Rule.VARIANCE, Rule.DEVIATION):
        return 2.0
    name = "ord" if "ord" in argument_names(node) else "p"
    return float(given(node, name) or 2.0) if rule is Rule.NORM else 1.0


def _may_overflow(node: fx.Node, x: Range, power: float) -> bool:
    """True where a sum over the whole argument may leave the dtype's range."""
    kind = dtype(node)
    most = torch.finfo(kind).max if kind.is_floating_point else torch.iinfo(kind).max
    reach = max(abs(x.lo), abs(x.hi), 1.0)
    return log(reach) * power + log(2 * max(1, prod(shape(_x(node))))) >= log(most)


def index_of_extreme(node: fx.Node, values: Values) -> Value:
    """arg max and arg min: whole numbers below the length they run over; a source where that is at most eight."""
    dim = given(node, "dim")
    length = prod(shape(_x(node))) if dim is None else shape(_x(node))[int(dim)]
    if length <= MAX_CODES:
        return source(node, [torch.tensor(i, dtype=dtype(node)) for i in range(length)])
    return Range(0.0, float(length - 1), integer=True)


def any_or_all(node: fx.Node, _values: Values) -> Value:
    """any, all: a truth value."""
    return source(node, [torch.tensor(False), torch.tensor(True)])


def layer_norm(node: fx.Node, values: Values) -> Value:
    """|normalised| <= sqrt(n - 1): the extreme is one element apart from all others."""
    x = bounds(values[_x(node)])
    n = prod(given(node, "normalized_shape") if "normalized_shape" in argument_names(node) else shape(_x(node))[1:])
    weight, bias = given(node, "weight"), given(node, "bias")
    if (
        not x.finite
        or _may_overflow(node, x, 2.0)
        or any(isinstance(a, fx.Node) and not isinstance(values[a], Const) for a in (weight, bias))
    ):
        return UNKNOWN
    scale, shift = (_magnitude(a, values, absent) for a, absent in ((weight, 1.0), (bias, 0.0)))
    reach = (sqrt(max(n, 1)) * scale + shift) * (1 + 1e-4)
    return Range(-reach, reach) if reach < inf else UNKNOWN


def _magnitude(argument: object, values: Values, absent: float) -> float:
    """The greatest magnitude in a constant."""
    if not isinstance(argument, fx.Node):
        return absent
    within = bounds(values[argument])
    return max(abs(within.lo), abs(within.hi))
