# SPDX-License-Identifier: Apache-2.0
"""Straight-through forms: a sum in which a soft branch c is added and taken away again means its hard branch h alone.

    (h - c) + c,   c + (h - c),   (c - c) + h,   (h + c) - c,   c - (c - h),   ...

In floating point the sum is h exactly, or h up to a rounding error, or garbage, depending on the order and on c.  It
is never recognised by closeness: the sum is flattened symbolically, and each cancellation is proved
(`xnorc.capture.proofs`):

- exact: the float sum equals h for every image;
- measured: weights; both sides were computed, the largest difference is reported;
- bounded: the float sum is within a computed bound of h.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, dtype, packet, replace, shape
from xnorc.capture.infer import value_at, value_of
from xnorc.capture.passes.work import Work
from xnorc.capture.proofs import exactly_equal, rounding_bound
from xnorc.capture.source import where
from xnorc.capture.sums import Sum, leaves
from xnorc.capture.values import Const, Finite, Value, bounds
from xnorc.capture.weights import Kind, classify
from xnorc.errors import CaptureError

MAX_DEPTH = 4
MAX_DELTA = 2.0**-10  # beyond it the soft branch is too large for the sum to mean its hard branch
MAX_RELATIVE = 1e-3  # the same for weights, in units of the largest


def cancel_straight_through(work: Work) -> bool:
    """Returns True if a sum was replaced by its hard branch.

    Raises:
        CaptureError: the form is there, but its soft branch may be infinite, NaN or too large.
    """
    if not any(_find(node) for node in work.gm.graph.nodes):
        return False
    values: dict[fx.Node, Value] = {}
    changed = False
    for node in list(work.gm.graph.nodes):
        found = _find(node)
        if found is not None:
            tree, hard, soft = found
            if isinstance(values[hard], Const):
                accepted = _measure(work, node, hard, values)
            else:
                accepted = _prove(work, node, tree, hard, soft, values)
            if accepted:
                replace(node, hard)  # what follows is then inferred from the hard branch's values
                changed = True
                continue
        if node.op != "output":
            values[node] = value_at(work.gm, node, values, work.image)
    return changed


def _find(node: fx.Node) -> tuple[Sum, fx.Node, list[fx.Node]] | None:
    """The smallest tree of additions under `node` in which all but one leaf cancel, each occurring twice."""
    for depth in range(2, MAX_DEPTH + 1):
        whole: dict[fx.Node, tuple[int, int]] = {}
        tree = _tree(node, depth, 1, whole, frozenset())
        if not isinstance(tree, Sum):
            return None
        # A soft branch may be a sum itself: what cancels as a whole is not taken apart.
        kept = frozenset(part for part, (total, times) in whole.items() if total == 0 and times > 1)
        tree = _tree(node, depth, 1, {}, kept)
        assert isinstance(tree, Sum)
        counts: dict[fx.Node, tuple[int, int]] = {}
        for leaf, sign in leaves(tree):
            total, times = counts.get(leaf, (0, 0))
            counts[leaf] = total + sign, times + 1
        soft = [leaf for leaf, (total, times) in counts.items() if total == 0 and times > 1]
        rest = [leaf for leaf, (total, times) in counts.items() if not (total == 0 and times > 1)]
        if soft and len(rest) == 1 and counts[rest[0]] == (1, 1):
            return tree, rest[0], soft
    return None


def _tree(
    node: fx.Node, depth: int, sign: int, seen: dict[fx.Node, tuple[int, int]], kept: frozenset[fx.Node]
) -> Sum | fx.Node:
    """The sum under `node`; counts into `seen` every part of it, sums included, with its sign and number of uses."""
    total, times = seen.get(node, (0, 0))
    seen[node] = total + sign, times + 1
    if depth == 0 or node in kept or not _is_sum(node):
        return node
    left, right = node.args[:2]
    assert isinstance(left, fx.Node)
    assert isinstance(right, fx.Node)
    turn = -1 if packet(node) is aten.sub else 1
    return Sum(_tree(left, depth - 1, sign, seen, kept), _tree(right, depth - 1, sign * turn, seen, kept), turn)


def _is_sum(node: fx.Node) -> bool:
    if packet(node) not in (aten.add, aten.sub) or len(node.args) != 2 or node.kwargs.get("alpha", 1) != 1:
        return False
    return all(isinstance(a, fx.Node) and shape(a) == shape(node) and dtype(a) is dtype(node) for a in node.args)


def _measure(work: Work, node: fx.Node, hard: fx.Node, values: dict[fx.Node, Value]) -> bool:
    """Weights: compute the sum and its hard branch, compare."""
    both = value_of(node, values), values[hard]
    if not all(isinstance(value, Const) for value in both):
        return False
    full, meant = (value.tensor for value in both if isinstance(value, Const))
    if not _few_valued(meant):
        return False
    largest = float(meant.abs().max())
    worst = float((full - meant).abs().max())
    if not worst <= MAX_RELATIVE * max(largest, torch.finfo(meant.dtype).tiny):
        raise CaptureError(
            where(node),
            f"a straight-through form whose soft branch moves the weights by {worst:.3g}, "
            f"hard values being {largest:.3g}",
            "finite weights of ordinary size, or the hard branch alone",
        )
    work.proofs.append(f"{where(node)}: cancelled, measured: weights differ by at most {worst:.3g} of {largest:.3g}")
    if worst > 0:
        work.delta = max(work.delta, worst)
    return True


def _few_valued(tensor: torch.Tensor) -> bool:
    if tensor.ndim > 1 and Kind.REAL not in classify(tensor).kinds:
        return True
    return tensor.numel() > 0 and all(len(torch.unique(part)) <= 4 for part in (tensor.reshape(-1)[:4096], tensor))


def _prove(
    work: Work, node: fx.Node, tree: Sum, hard: fx.Node, soft: list[fx.Node], values: dict[fx.Node, Value]
) -> bool:
    """Activations: prove equality, or bound the difference, from the value sets."""
    table = values[hard]
    if not isinstance(table, Finite):
        return False  # (x - m) + m of a real stream: its rounding is the network's own
    reason = exactly_equal(tree, hard, soft, values)
    if reason:
        work.proofs.append(f"{where(node)}: cancelled, exact: {reason}")
        return True
    for branch in soft:
        if not bounds(values[branch]).finite:
            raise CaptureError(
                where(node),
                "a straight-through form whose soft branch may be infinite or NaN",
                "a clipped soft branch, or bounds on the image",
            )
    bound = rounding_bound(len(leaves(tree)) - 1, [hard, *soft], values, dtype(node))
    if bound > MAX_DELTA:
        largest = max(max(-bounds(values[b]).lo, bounds(values[b]).hi) for b in soft)
        raise CaptureError(
            where(node),
            f"a straight-through form whose soft branch may reach {largest:.3g}: the sum may be off by {bound:.3g}",
            "a clipped soft branch, or bounds on the image",
        )
    work.proofs.append(f"{where(node)}: cancelled, bounded: the float sum is within {bound:.3g} of the hard branch")
    work.delta = max(work.delta, bound)
    return True
