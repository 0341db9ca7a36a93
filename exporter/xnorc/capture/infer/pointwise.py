# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations: tables by running rows, intervals by running corners, new sources where bits are made.

The table says where an operation turns (`Corners.turns`).  Between turns it is monotone in each argument, so its
extremes lie at corners of the box of its arguments, cut at the turns.  Rounding is monotone too: running the float
operation itself at the corners bounds the float result.  Arguments that are the same node move together.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isinf
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import dtype
from xnorc.capture.infer.tables import Values, source, through, through_channels
from xnorc.capture.operations import Acts, Call, Corners, Equality, Operation, Whole, Within, operation
from xnorc.capture.values import MAX_CODES, UNKNOWN, Const, Finite, Range, Value, bounds

EXACT = 2.0**53  # whole numbers up to here are float64
SMALL = 2.0**8  # whole numbers up to here are of every dtype
SIDES = 2  # floats on either side of a turn that are corners too: a product or quotient finds it up to its rounding


def infer(node: fx.Node, values: Values) -> Value:
    """The value of an elementwise node."""
    row = operation(node)
    if all(isinstance(values[n], Const | Finite) for n in node.all_input_nodes):
        wide = row is not None and row.acts is Acts.CHANNELWISE
        table = through_channels(node, values) if wide else through(node, values)
        if table is not None:
            return table
    if dtype(node) is torch.bool:
        return source(node, [torch.tensor(v) for v in _truths(row, node, values)])
    if row is None:
        return UNKNOWN
    result = interval(row, node, values)
    return _few(row, node, values, result) or result


def interval(row: Operation, node: fx.Node, values: Values) -> Range:
    """Bounds of an elementwise node, by its corners."""
    operands = {n: bounds(values[n]) for n in node.all_input_nodes}
    nan = any(r.nan for r in operands.values())
    call, rule = Call(node, values), row.interval
    if rule is None or not row.applies(call):
        return UNKNOWN
    if isinstance(rule, Within):
        return Range(rule.lo, rule.hi, nan=nan or not all(r.finite for r in operands.values()))
    if not isinstance(rule, Corners) or _has_pole(rule, call) or _repeats_scaled(call):
        return UNKNOWN
    at_corners = corners(row, node, values)
    held = at_corners[~at_corners.isnan()]
    if held.numel() == 0 or (row.wraps and _may_wrap(row, node, values)):
        return UNKNOWN
    lo, hi = float(held.min()), float(held.max())
    if rule.dip is not None and any(r.lo < 0 for r in operands.values()):
        lo = min(lo, rule.dip)
    if rule.ulps and dtype(node).is_floating_point:
        lo, hi = _widened(lo, hi, rule.ulps, dtype(node))
    nan = bool(at_corners.isnan().any()) or (nan and row.keeps_nan)
    return Range(lo, hi, _whole(row, node, operands, lo, hi), nan)


def corners(row: Operation, node: fx.Node, values: Values) -> torch.Tensor:
    """The operation at every combination of its arguments' extremes, 0 and turns, float64, flat.

    An argument that may be NaN is run on NaN too, where the operation does not keep it.
    """
    return _at_corners(row, node, _box(row, node, values), values)


def _box(row: Operation, node: fx.Node, values: Values) -> dict[fx.Node, torch.Tensor]:
    """The corners along each argument.  A constant of one element is no axis: it stays as it is."""
    return {n: _candidates(row, node, n, values) for n in node.all_input_nodes if _single(values[n]) is None}


def _single(value: Value) -> torch.Tensor | None:
    return value.tensor if isinstance(value, Const) and value.tensor.numel() == 1 else None


def _at_corners(row: Operation, node: fx.Node, picks: dict[fx.Node, torch.Tensor], values: Values) -> torch.Tensor:
    grid = torch.cartesian_prod(*(torch.arange(len(p)) for p in picks.values())).reshape(-1, len(picks))
    at = {n: p[grid[:, i]] for i, (n, p) in enumerate(picks.items())}
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: at[n] if n in at else _single(values[n]))
    # The only channelwise operation without a rule of its own is PReLU; here every corner has its slope.
    call: Callable[..., torch.Tensor] = _prelu if row.acts is Acts.CHANNELWISE else node.target  # type: ignore[assignment]
    with torch.no_grad():
        return call(*args, **kwargs).to(torch.float64).reshape(-1)


def _prelu(x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, x, slope * x)


def _candidates(row: Operation, node: fx.Node, argument: fx.Node, values: Values) -> torch.Tensor:
    kind, value = dtype(argument), values[argument]
    within = bounds(value)
    if isinstance(value, Finite):
        ends = [e for v in value.vals for e in (bounds(Const(v)).lo, bounds(Const(v)).hi)]
    else:
        ends = [within.lo, within.hi]
    if min(ends) < 0 < max(ends):
        ends.append(0.0)
    picked = torch.tensor(sorted(set(ends)), dtype=torch.float64)
    if kind is torch.bool:
        return picked.to(kind)
    if not kind.is_floating_point:
        info = torch.iinfo(kind)  # clamped as Python integers: 2^63 is a float64, and one too many for int64
        ends += [t for turn in _turns(row, node, torch.float64, values) for t in turn.tolist()]
        ends = [e for e in ends if within.lo <= e <= within.hi]
        ends += [e + step for e in ends for step in (-1, 1) if within.lo <= e + step <= within.hi]
        whole = [info.min if e == -inf else info.max if e == inf else int(e) for e in ends]
        return torch.tensor([min(max(e, info.min), info.max) for e in whole], dtype=kind)
    rounded = picked.to(kind)  # outwards, so that the box still holds
    low = (rounded[:1].to(torch.float64) > picked[:1]) & torch.isfinite(rounded[:1])
    high = (rounded[-1:].to(torch.float64) < picked[-1:]) & torch.isfinite(rounded[-1:])
    down = torch.where(low, torch.nextafter(rounded[:1], torch.tensor(-inf, dtype=kind)), rounded[:1])
    up = torch.where(high, torch.nextafter(rounded[-1:], torch.tensor(inf, dtype=kind)), rounded[-1:])
    found = [down, rounded[1:-1], up, *(t.clamp(down, up) for t in _turns(row, node, kind, values))]
    # Where infinity gives NaN, great numbers may not.
    greatest = (torch.finfo(kind).min, torch.finfo(kind).max)
    found += [torch.tensor([end], dtype=kind) for end in greatest if _is_open(within, end)]
    if within.lo <= 0 <= within.hi:
        found.append(torch.tensor([0.0, -0.0], dtype=kind))
    if within.nan and not row.keeps_nan:
        found.append(torch.tensor([torch.nan], dtype=kind))
    return torch.cat(found)


def _is_open(within: Range, end: float) -> bool:
    """True where the interval goes on beyond the greatest float, to infinity."""
    return within.hi == inf if end > 0 else within.lo == -inf


def _turns(row: Operation, node: fx.Node, kind: torch.dtype, values: Values) -> list[torch.Tensor]:
    """The turns other than 0, each with the floats around it."""
    found = []
    for turn in row.interval.turns if isinstance(row.interval, Corners) else ():
        call = Call(node, values)
        over = call.constant(turn.over) if isinstance(turn.over, str) else torch.tensor(turn.over, dtype=torch.float64)
        under = call.constant(turn.under) if turn.under else torch.ones((), dtype=torch.float64)
        if over is None or under is None:
            continue
        at = (over / under).reshape(-1).to(kind)
        found.append(at)
        for way in (-inf, inf):
            beside = at
            for _ in range(SIDES):
                beside = torch.nextafter(beside, torch.tensor(way, dtype=kind))
                found.append(beside)
    return found


def _widened(lo: float, hi: float, ulps: float, kind: torch.dtype) -> tuple[float, float]:
    """Bounds moved outwards by so many units in the last place, but never across 0: no kernel gets the sign wrong."""
    info = torch.finfo(kind)

    def slack(end: float) -> float:
        return 0.0 if isinf(end) else ulps * info.eps * max(abs(end), info.tiny)

    low, high = lo - slack(lo), hi + slack(hi)
    return max(low, 0.0) if lo >= 0 else low, min(high, 0.0) if hi <= 0 else high


def _has_pole(rule: Corners, call: Call) -> bool:
    """True where the argument under the fraction line may be 0, of whose sign nothing is known."""
    below = call.argument(rule.pole) if rule.pole else None
    if not isinstance(below, fx.Node) or (rule.tame and all(condition.holds(call) for condition in rule.tame)):
        return False
    within = bounds(call.values[below])
    return within.lo <= 0 <= within.hi


def _repeats_scaled(call: Call) -> bool:
    """`x + alpha * x`: rounded twice, it need not be monotone where it is on paper."""
    alpha = call.argument("alpha")
    return alpha not in (None, 1) and call.argument("self") is call.argument("other")


def _may_wrap(row: Operation, node: fx.Node, values: Values) -> bool:
    """True where integers may leave their dtype's range."""
    kind = dtype(node)
    if kind.is_floating_point or kind is torch.bool:
        return False
    picks = {n: at.to(torch.float64) for n, at in _box(row, node, values).items()}
    exact, reach = _at_corners(row, node, picks, values), torch.iinfo(kind)
    low, high = max(reach.min, -EXACT), min(reach.max, EXACT)  # beyond, float64 does not tell
    return not bool(((exact >= low) & (exact <= high)).all())


def _whole(row: Operation, node: fx.Node, operands: dict[fx.Node, Range], lo: float, hi: float) -> bool:
    kind = dtype(node)
    if not kind.is_floating_point or row.whole is Whole.ALWAYS:
        return True
    # Above 2^p a float is whole, but no longer the exact sum.
    if row.whole is Whole.NEVER or isinf(lo) or isinf(hi) or max(-lo, hi) > 2 / torch.finfo(kind).eps:
        return False
    numbers = [a for a in [*node.args, *node.kwargs.values()] if isinstance(a, int | float) and not isinstance(a, bool)]
    return all(r.integer for r in operands.values()) and all(float(a).is_integer() for a in numbers)


def _truths(row: Operation | None, node: fx.Node, values: Values) -> list[bool]:
    """The results that an operation with a boolean result can have."""
    if row is None or row.interval is None or not row.applies(Call(node, values)):
        return [False, True]
    if isinstance(row.interval, Equality):
        return _equal(row.interval, node, values)
    return sorted({bool(v) for v in corners(row, node, values)})


def _equal(rule: Equality, node: fx.Node, values: Values) -> list[bool]:
    kinds = {dtype(n) for n in node.all_input_nodes}
    sides = [_side(argument, kinds, values) for argument in node.args[:2]]
    if None in sides:
        return [False, True]
    a, b = (side for side in sides if side is not None)
    seen = set()
    if not (a.hi < b.lo or b.hi < a.lo):
        seen.add(True)
    if not (a.lo == a.hi == b.lo == b.hi) or a.nan or b.nan:
        seen.add(False)
    return sorted(truth is not rule.negated for truth in seen)


def _side(argument: Any, kinds: set[torch.dtype], values: Values) -> Range | None:
    """One side of a comparison as the kernel sees it; None where rounding or wrapping may change it."""
    if isinstance(argument, fx.Node):
        within = bounds(values[argument])
    else:
        (kind,) = kinds
        if not kind.is_floating_point and kind is not torch.bool:
            info = torch.iinfo(kind)
            if not info.min <= argument <= info.max:
                return None  # 255 == -1 among uint8
        seen = float(torch.tensor(argument, dtype=torch.float64).to(kind)) if kind.is_floating_point else argument
        within = Range(float(min(argument, seen)), float(max(argument, seen)))
    exact = within.finite and max(abs(within.lo), abs(within.hi)) <= SMALL
    return within if exact or (len(kinds) == 1 and next(iter(kinds)).is_floating_point) else None


def _few(row: Operation, node: fx.Node, values: Values, result: Range) -> Finite | None:
    """The few values that a narrowing operation chooses among; None where they are many."""
    if not row.narrows or result.nan:
        return None
    levels = row.levels(Call(node, values)) if row.levels is not None and row.applies(Call(node, values)) else None
    if levels is not None:
        held = [v.to(dtype(node)) for v in levels if bool(((v >= result.lo) & (v <= result.hi)).any())]
        return source(node, held) if 0 < len(held) <= MAX_CODES else None
    if not result.integer or not result.hi - result.lo < MAX_CODES:
        return None
    codes = [torch.tensor(v, dtype=dtype(node)) for v in range(int(result.lo), int(result.hi) + 1)]
    return source(node, codes, 1 if row.sign and len(codes) == 3 else None)
