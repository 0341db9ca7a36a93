# SPDX-License-Identifier: Apache-2.0
"""Positive factors ahead of a sign: sign(x / std(x)) is sign(x), whatever the image's own std is."""

from __future__ import annotations

from torch import fx

from xnorc.capture import Captured, Const, Range
from xnorc.lower.graph.ops import aten, compares, is_call, is_moving, is_sign, shape_of

PRODUCTS = {aten.mul.Tensor, aten.div.Tensor}  # not Tensor_mode: a quotient that is rounded may lose its sign


def positive_factors(captured: Captured) -> dict[fx.Node, fx.Node]:
    """Products and quotients whose only use is a comparison with 0: node -> the factor whose sign decides.

    The other factor depends on the image and is proved above 0 by its range.  (A quotient that underflows to 0
    would still be 0 in floating point; that takes factors beyond 2^100.)
    """
    found: dict[fx.Node, fx.Node] = {}
    for node in captured.graph.graph.nodes:
        if not is_call(node, PRODUCTS) or len(node.args) < 2:
            continue
        first, second = node.args[0], node.args[1]
        if not isinstance(first, fx.Node) or not isinstance(second, fx.Node):
            continue
        if any(isinstance(captured.values.get(n), Const) for n in (first, second)) or not _only_signs(node):
            continue
        if _positive(captured, second) and shape_of(first) == shape_of(node):
            found[node] = first
        elif is_call(node, {aten.mul.Tensor}) and _positive(captured, first) and shape_of(second) == shape_of(node):
            found[node] = second
    return found


def _positive(captured: Captured, node: fx.Node) -> bool:
    value = captured.values.get(node)
    return isinstance(value, Range) and value.lo > 0 and value.finite


def _only_signs(node: fx.Node) -> bool:
    """Every use, through moves of elements, is a sign or a comparison with 0."""
    for user in node.users:
        if user.op != "call_function":
            return False
        against_zero = bool(compares(user)) and len(user.args) > 1 and user.args[1] in (0, 0.0)
        if not (is_sign(user) or against_zero or (is_moving(user) and _only_signs(user))):
            return False
    return bool(node.users)
