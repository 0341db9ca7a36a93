# SPDX-License-Identifier: Apache-2.0
"""When a straight-through sum equals its hard branch in floating point, and how far off it can be otherwise.

Theorem.  Let p be the bits of the significand (24, 11, 8), h = +-1, c*h >= 0 and |c| <= 2^p.  Then fl(fl(h - c) + c)
= h.
  |c| <= 1/2:      fl(h - c) = h - c + e with |e| <= 2^-(p+1); adding c gives h + e, which rounds to h.
  1/2 <= |c| <= 2: h - c is representable (Sterbenz), so both operations are exact.
  |c| > 2:         h and c are multiples of ulp(c) <= 1 and |h - c| < |c|, so h - c is representable again.
Scaling by a power of two changes nothing, so h = +-2^k needs |c| <= 2^(p+k).  h = 0 gives (0 - c) + c = 0 for every
finite c. (c - c) + h is h for every finite c.  Every other order is off by a rounding error for some c.

The condition c*h >= 0 relates two branches of one value u.  It is proved by cutting u's range, as ordered floats,
into pieces on which the value rules of `xnorc.capture.infer` decide it; a piece they cannot decide is halved, down
to single floats.
"""

from __future__ import annotations

import struct
from math import frexp
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import dtype
from xnorc.capture.infer import infer_region
from xnorc.capture.operations import is_elementwise, operation
from xnorc.capture.sums import Sum
from xnorc.capture.values import Const, Finite, Range, Value, bounds
from xnorc.errors import Fault

PIECES = 3000  # of u's range looked at before a proof is given up
SIGNIFICAND = {torch.float64: 53, torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}


def exactly_equal(tree: Sum, hard: fx.Node, soft: list[fx.Node], values: dict[fx.Node, Value]) -> str:
    """Why the float value of `tree` is that of `hard` for every image; empty where that is not proved.

    Args:
        tree: the sum as written; its other leaves, `soft`, cancel.
    """
    if len(soft) != 1:
        return ""
    c = soft[0]
    inner = tree.left if not isinstance(tree.left, fx.Node) else tree.right
    if isinstance(inner, fx.Node) or not (isinstance(inner.left, fx.Node) and isinstance(inner.right, fx.Node)):
        return ""
    if inner.left is c and inner.right is c:
        return "c - c is 0 for finite c" if bounds(values[c]).finite else ""
    if inner.sign != -1 or {inner.left, inner.right} != {hard, c}:
        return ""  # h + c first: rounds before c is taken away
    if all(value == 0 or _is_power_of_two(value) for value in _numbers(values[hard])) and _same_sign(hard, c, values):
        return "(h - c) + c with c of h's sign and |c| <= 2^p |h|"
    return ""


def rounding_bound(operations: int, parts: list[fx.Node], values: dict[fx.Node, Value], kind: torch.dtype) -> float:
    """How far the float sum can be from the exact one: half an ulp of the largest partial sum, per operation.

    Args:
        operations: additions in the sum.
        parts: its distinct leaves, bounded.
        kind: floating-point dtype of the sum.
    """
    largest = sum(max(-bounds(values[n]).lo, bounds(values[n]).hi) for n in parts)
    return operations * largest * float(torch.finfo(kind).eps) / 2 * (1 + 2.0**-6)


def _numbers(value: Value) -> list[float]:
    if not isinstance(value, Finite):
        raise Fault("straight-through form", "has a hard branch that is no table")
    return sorted({float(v) for row in value.vals for v in row.reshape(-1)})


def _is_power_of_two(value: float) -> bool:
    return abs(frexp(value)[0]) == 0.5


def _same_sign(hard: fx.Node, soft: fx.Node, values: dict[fx.Node, Value]) -> bool:
    """Proves c*h >= 0 and |c| <= 2^p |h| for every value of the one node that decides both."""
    found = _nearest_entry(hard, soft, values)
    if found is None:
        return False
    entry, region = found
    if dtype(entry) is not torch.float32 or isinstance(values[entry], Finite):
        return False
    given = {n: values[n] for m in region for n in m.all_input_nodes if isinstance(values[n], Const)}
    whole = bounds(values[entry])
    wide = _widened(whole)
    question = (_structure([entry, *region], values), region.index(hard), region.index(soft) if soft in region else -1)
    for reach in (wide, whole):
        key = (question, reach)
        if key not in _answers:
            _answers[key] = _decided(hard, soft, entry, region, given, reach)
        if _answers[key]:
            return True
    return False


_answers: dict[Any, bool] = {}  # networks repeat one binarizer many times


def _structure(nodes: list[fx.Node], values: dict[fx.Node, Value]) -> Any:
    """The region as plain data: equal for regions that compute the same from their entry."""
    index = {n: i for i, n in enumerate(nodes)}
    # An operation that lists its values reads all of its constants (`copysign`).
    listed = any(row is not None and row.levels is not None for row in map(operation, nodes))

    def plain(argument: Any) -> Any:
        if isinstance(argument, tuple | list):
            return tuple(plain(a) for a in argument)
        if isinstance(argument, fx.Node):
            if argument in index:
                return ("node", index[argument])
            tensor = values[argument].tensor  # type: ignore[union-attr]
            if listed:
                return ("constant", tensor.dtype, tuple(tensor.shape), tuple(tensor.reshape(-1).tolist()))
            return ("constant", tensor.dtype, tensor.min().item(), tensor.max().item())  # all that bounds look at
        return (type(argument).__name__, repr(argument))

    calls = [(n.target, plain(n.args), plain(sorted(n.kwargs.items()))) for n in nodes[1:]]
    return (dtype(nodes[0]), tuple(calls))


def _widened(whole: Range) -> Range:
    """Bounds pushed out to powers of two, so that layers of different reach ask the same question."""
    largest = max(-whole.lo, whole.hi, 1.0)
    reach = 2.0 ** (frexp(largest)[1])
    return Range(-reach if whole.lo < 0 else 0.0, reach if whole.hi > 0 else 0.0)


def _decided(
    hard: fx.Node, soft: fx.Node, entry: fx.Node, region: list[fx.Node], given: dict[fx.Node, Value], whole: Range
) -> bool:
    limit = 2.0 ** SIGNIFICAND[dtype(soft)]
    pieces = [(_key(whole.lo), _key(whole.hi))]
    if whole.lo < 0 < whole.hi:
        pieces = [(_key(whole.lo), -1), (0, 0), (1, _key(whole.hi))]
    for _ in range(PIECES):
        if not pieces:
            return True
        low, high = pieces.pop()
        piece = infer_region(region, given | {entry: Range(_float(low), _float(high))})
        if _holds(piece[hard], bounds(piece[soft]), limit):
            continue
        if low == high:
            return False
        middle = (low + high) // 2
        pieces += [(low, middle), (middle + 1, high)]
    return False


def _holds(hard: Value, c: Range, limit: float) -> bool:
    if not c.finite or not isinstance(hard, Finite | Const):
        return False
    rows = hard.vals if isinstance(hard, Finite) else (hard.tensor,)
    for h in {float(v) for row in rows for v in row.reshape(-1)}:
        if h > 0 and (c.lo < 0 or c.hi > limit * h):
            return False
        if h < 0 and (c.hi > 0 or c.lo < limit * h):
            return False
    return True


def _nearest_entry(hard: fx.Node, soft: fx.Node, values: dict[fx.Node, Value]) -> tuple[fx.Node, list[fx.Node]] | None:
    """The last node on which both branches depend alone, through elementwise operations; and the nodes after it."""
    order = {n: i for i, n in enumerate(hard.graph.nodes)}
    frontier: set[fx.Node] = {hard, soft}
    region: set[fx.Node] = set()
    while len(frontier) > 1 or not region:
        last = max(frontier, key=order.__getitem__)
        row = operation(last)
        if not is_elementwise(last) or (row is not None and row.rule is not None):
            return None
        frontier.remove(last)
        region.add(last)
        frontier |= {n for n in last.all_input_nodes if not isinstance(values[n], Const)}
        if not frontier:
            return None
    return next(iter(frontier)), sorted(region, key=order.__getitem__)


def _key(value: float) -> int:
    """Position of a float32 among all, so that neighbours differ by 1; 0 for both zeros."""
    bits = struct.unpack("<i", struct.pack("<f", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _float(key: int) -> float:
    magnitude = struct.unpack("<f", struct.pack("<i", abs(key)))[0]
    return magnitude if key >= 0 else -magnitude
