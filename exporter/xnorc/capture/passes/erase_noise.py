# SPDX-License-Identifier: Apache-2.0
"""Erases what computes nothing: assertions, aliases, clones, casts and views to the same, `+ 0`, `* 1`."""

from __future__ import annotations

from torch import fx

from xnorc.capture.edit import aten, dtype, packet, replace, shape
from xnorc.capture.operations import Call, Move, operation
from xnorc.capture.passes.work import Work

GUARDS = {
    aten._assert_tensor_metadata, aten._assert_scalar, aten._assert_async, aten.sym_constrain_range,
    aten.sym_constrain_range_for_size,
}  # fmt: skip
NEUTRAL = {aten.add: 0, aten.sub: 0, aten.mul: 1, aten.div: 1}


def erase_noise(work: Work) -> bool:
    """Returns True if anything was erased."""
    changed = False
    for node in list(work.gm.graph.nodes):
        if node.op != "call_function":
            continue
        if packet(node) in GUARDS:
            work.gm.graph.erase_node(node)
            changed = True
            continue
        if node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default  # without the clone before it, a view may need a copy
            changed = True
        kept = node.args[0] if node.args else None
        if isinstance(kept, fx.Node) and _computes_nothing(node, kept):
            replace(node, kept)
            changed = True
    return changed


def _computes_nothing(node: fx.Node, kept: fx.Node) -> bool:
    op = packet(node)
    if getattr(kept.meta.get("val"), "shape", None) is None or getattr(node.meta.get("val"), "shape", None) is None:
        return False
    same = shape(node) == shape(kept) and dtype(node) is dtype(kept)
    row = operation(node)
    if row is not None and (row.same or row.moved in (Move.VIEW, Move.REPEAT)):
        return same and row.applies(Call(node, {}))
    if op in (aten.slice, aten.constant_pad_nd, aten.pad):
        return same and (op is not aten.slice or _whole_slice(node)) and (op is aten.slice or not any(node.args[1]))  # type: ignore[arg-type]
    if op in NEUTRAL and len(node.args) == 2 and same and "rounding_mode" not in node.kwargs:
        number = node.args[1]
        # x + 0.0 turns -0.0 into 0.0: no comparison, sign or product with a finite number can tell them apart, 1/x can.
        return bool(isinstance(number, int | float) and not isinstance(number, bool) and number == NEUTRAL[op])
    return False


def _whole_slice(node: fx.Node) -> bool:
    return len(node.args) < 5 or bool(node.args[4] == 1)
