# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations: tables by running rows, intervals by running corners, new sources where bits are made.

Interval rule: an operation that is monotone in each argument while the others stand still, on either side of 0,
takes its extremes at corners of the box of its arguments, where 0 counts as a corner.  Rounding is monotone too, so
running the float operation itself at the corners bounds the float result without slack.  Arguments that are the same
node move together.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isinf
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import dtype
from xnorc.capture.infer.tables import Values, source, through
from xnorc.capture.values import MAX_CODES, UNKNOWN, Const, Finite, Range, Value, bounds

aten = torch.ops.aten

# Elementwise, though the tag `pointwise` is missing.
UNTAGGED = {aten._to_copy, aten.type_as, aten.prelu, aten.hardswish, aten.where, aten.to, aten.clone, aten.heaviside}
MONOTONE = {
    aten.add, aten.sub, aten.rsub, aten.mul, aten.neg, aten.abs, aten.relu, aten.relu6, aten.clamp, aten.clamp_min,
    aten.clamp_max, aten.hardtanh, aten.minimum, aten.maximum, aten.where, aten.sign, aten.sgn, aten.round, aten.floor,
    aten.ceil, aten.trunc, aten.leaky_relu, aten.prelu, aten.square, aten._to_copy, aten.to, aten.type_as, aten.clone,
    aten.hardsigmoid, aten.heaviside, aten.copysign, aten.gt, aten.ge, aten.lt, aten.le, aten.logical_and,
    aten.logical_or, aten.logical_not, aten.bitwise_not, aten.div, aten.reciprocal, aten.rsqrt, aten.sqrt, aten.pow,
    aten.threshold, aten.fill, aten.masked_fill,
}  # fmt: skip
# Monotone up to a few units in the last place.
SMOOTH = {
    aten.exp, aten.expm1, aten.log, aten.log1p, aten.log2, aten.tanh, aten.sigmoid, aten.erf, aten.softplus, aten.elu,
    aten.celu, aten.selu, aten.atan, aten.log_sigmoid, aten.asinh, aten.sinh,
}  # fmt: skip
# One valley left of 0, never below this.
VALLEY = {aten.silu: -0.279, aten.gelu: -0.171, aten.mish: -0.31, aten.hardswish: -0.3751}
WITHIN = {aten.sin: (-1.0, 1.0), aten.cos: (-1.0, 1.0)}
KEEPS_NAN = MONOTONE | SMOOTH | set(VALLEY) | set(WITHIN)
# What makes few values of many.
NARROWING = {
    aten.sign, aten.sgn, aten.round, aten.floor, aten.ceil, aten.trunc, aten.clamp, aten.clamp_min, aten.clamp_max,
    aten.hardtanh, aten.relu6, aten.minimum, aten.maximum, aten._to_copy, aten.to, aten.heaviside, aten.copysign,
}  # fmt: skip
COMPARISONS = {aten.gt, aten.ge, aten.lt, aten.le, aten.eq, aten.ne}
WHOLE = {aten.sign, aten.sgn, aten.round, aten.floor, aten.ceil, aten.trunc, aten.heaviside}
KEEPS_WHOLE = {
    aten.add, aten.sub, aten.rsub, aten.mul, aten.neg, aten.abs, aten.relu, aten.clamp, aten.clamp_min, aten.clamp_max,
    aten.hardtanh, aten.minimum, aten.maximum, aten.where, aten.square, aten._to_copy, aten.to, aten.type_as,
    aten.clone, aten.masked_fill, aten.copysign, aten.relu6,
}  # fmt: skip
EXACT_WHOLE = 2.0**24  # above it a float32 is whole but no longer the exact sum


def packet(node: fx.Node) -> Any:
    """`aten.add` of `aten.add.Tensor`."""
    return getattr(node.target, "overloadpacket", None)


def is_pointwise(node: fx.Node) -> bool:
    """True where each element of the result depends on the same element of the arguments alone."""
    return torch.Tag.pointwise in getattr(node.target, "tags", ()) or packet(node) in UNTAGGED


def infer(node: fx.Node, values: Values) -> Value:
    """The value of an elementwise node."""
    if all(isinstance(values[n], Const | Finite) for n in node.all_input_nodes):
        table = through(node, values)
        if table is not None:
            return table
    op = packet(node)
    if dtype(node) is torch.bool:
        return source(node, [torch.tensor(v) for v in _truths(node, values)])
    result = interval(node, values)
    if op in NARROWING and not result.nan and result.integer and result.hi - result.lo < MAX_CODES:
        return _few(node, values, result)
    if op is aten.copysign and isinstance(values.get(node.args[0]), Const):  # type: ignore[arg-type]
        return _copysign(node, values)
    return result


def interval(node: fx.Node, values: Values) -> Range:
    """Bounds of an elementwise node, by its corners."""
    op = packet(node)
    operands = {n: bounds(values[n]) for n in node.all_input_nodes}
    nan = any(r.nan for r in operands.values()) and op not in (aten.sign, aten.sgn)
    if op in WITHIN:
        lo, hi = WITHIN[op]
        return Range(lo, hi, nan=nan or not all(r.finite for r in operands.values()))
    if op not in KEEPS_NAN or _splits(node, operands):
        return UNKNOWN
    at_corners = corners(node, values)
    nan = nan or bool(at_corners.isnan().any())
    held = at_corners[~at_corners.isnan()]
    if held.numel() == 0:
        return UNKNOWN
    lo, hi = float(held.min()), float(held.max())
    if op in SMOOTH or op in VALLEY:
        if op in VALLEY and any(r.lo < 0 for r in operands.values()):
            lo = min(lo, VALLEY[op])
        slack = 8 * torch.finfo(dtype(node)).eps
        lo, hi = lo - abs(lo) * slack, hi + abs(hi) * slack
    if op in (aten.sign, aten.sgn) and any(r.nan for r in operands.values()):
        lo, hi = min(lo, 0.0), max(hi, 0.0)  # sign(NaN) is 0
    return Range(lo, hi, _whole(node, operands, lo, hi), nan)


def corners(node: fx.Node, values: Values) -> torch.Tensor:
    """The operation at every combination of its arguments' extremes and 0, float64, flat."""
    nodes = node.all_input_nodes
    picks = [_candidates(n, values[n]) for n in nodes]
    grid = torch.cartesian_prod(*(torch.arange(len(p)) for p in picks)).reshape(-1, len(picks))
    at = {n: p[grid[:, i]] for i, (n, p) in enumerate(zip(nodes, picks, strict=True))}
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), at.__getitem__)
    call: Callable[..., torch.Tensor] = _prelu if packet(node) is aten.prelu else node.target  # type: ignore[assignment]
    with torch.no_grad():
        return call(*args, **kwargs).to(torch.float64).reshape(-1)


def _candidates(node: fx.Node, value: Value) -> torch.Tensor:
    kind = dtype(node)
    if isinstance(value, Finite):
        ends = [e for v in value.vals for e in (bounds(Const(v)).lo, bounds(Const(v)).hi)]
    else:
        within = bounds(value)
        ends = [within.lo, within.hi]
    if min(ends) < 0 < max(ends):
        ends.append(0.0)
    picked = torch.tensor(sorted(set(ends)), dtype=torch.float64)
    if kind.is_floating_point:
        rounded = picked.to(kind)  # outwards, so that the box still holds
        low = (rounded[:1].to(torch.float64) > picked[:1]) & torch.isfinite(rounded[:1])
        high = (rounded[-1:].to(torch.float64) < picked[-1:]) & torch.isfinite(rounded[-1:])
        down = torch.where(low, torch.nextafter(rounded[:1], torch.tensor(-inf, dtype=kind)), rounded[:1])
        up = torch.where(high, torch.nextafter(rounded[-1:], torch.tensor(inf, dtype=kind)), rounded[-1:])
        return torch.cat([down, rounded[1:-1], up]) if len(picked) > 1 else torch.cat([down, up])
    if kind is torch.bool:
        return picked.to(kind)
    info = torch.iinfo(kind)
    return picked.clamp(info.min, info.max).to(kind)


def _prelu(x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, x, slope * x)


def _splits(node: fx.Node, operands: dict[fx.Node, Range]) -> bool:
    """True where the operation has a pole in the box (at 0, whose sign is unknown), or a form corners cannot take."""
    op = packet(node)
    if op is aten.pow:
        base, exponent = node.args[0], node.args[1]
        if not isinstance(base, fx.Node) or isinstance(exponent, fx.Node):
            return True
        return float(exponent) < 0 and operands[base].lo <= 0 <= operands[base].hi  # type: ignore[arg-type]
    if op in (aten.div, aten.reciprocal, aten.rsqrt):
        below = node.args[1] if op is aten.div else node.args[0]
        return isinstance(below, fx.Node) and operands[below].lo <= 0 <= operands[below].hi
    return False


def _whole(node: fx.Node, operands: dict[fx.Node, Range], lo: float, hi: float) -> bool:
    kind = dtype(node)
    if not kind.is_floating_point or packet(node) in WHOLE:
        return True
    if packet(node) not in KEEPS_WHOLE or isinf(lo) or isinf(hi) or max(-lo, hi) > EXACT_WHOLE:
        # A clamp with whole ends narrows an unbounded whole range to a bounded one before it comes here.
        return False
    numbers = [a for a in [*node.args, *node.kwargs.values()] if isinstance(a, int | float) and not isinstance(a, bool)]
    return all(r.integer for r in operands.values()) and all(float(a).is_integer() for a in numbers)


def _truths(node: fx.Node, values: Values) -> list[bool]:
    """The results a comparison, a logical operation or any other boolean one can have."""
    op = packet(node)
    operands = [bounds(values[n]) for n in node.all_input_nodes]
    seen: set[bool] = set()
    if op in (aten.eq, aten.ne):
        a, b = (bounds(values[x]) if isinstance(x, fx.Node) else Range(float(x), float(x)) for x in node.args[:2])  # type: ignore[arg-type]
        if not (a.hi < b.lo or b.hi < a.lo):
            seen.add(op is aten.eq)
        if not (a.lo == a.hi == b.lo == b.hi):
            seen.add(op is aten.ne)
    elif op in COMPARISONS or op in (aten.logical_and, aten.logical_or, aten.logical_not, aten.bitwise_not):
        seen = {bool(v) for v in corners(node, values)}
    else:
        return [False, True]
    if any(r.nan for r in operands):
        seen.add(op is aten.ne)
    return sorted(seen)


def _few(node: fx.Node, values: Values, result: Range) -> Finite:
    codes = [torch.tensor(v, dtype=dtype(node)) for v in range(int(result.lo), int(result.hi) + 1)]
    signs = packet(node) in (aten.sign, aten.sgn)
    tie = 1 if signs and len(codes) == 3 else None
    return source(node, codes, tie)


def _copysign(node: fx.Node, values: Values) -> Finite:
    magnitude = values[node.args[0]]  # type: ignore[index]
    assert isinstance(magnitude, Const)
    return source(node, [-magnitude.tensor.abs(), magnitude.tensor.abs()])
