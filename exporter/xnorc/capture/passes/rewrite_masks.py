# SPDX-License-Identifier: Apache-2.0
"""Masked writes become `where`; what takes only a shape or a dtype from another tensor takes it from nobody.

`o[o == 0] = 1` is traced as `index_put(o, [o == 0], 1)`; element by element it is `where(o == 0, 1, o)`.
`ones_like(x)` is a constant, `type_as(a, x)` a cast of a, `expand_as` and `view_as` an expand and a view.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, constant, dtype, insert, packet, replace, shape
from xnorc.capture.passes.work import Work

LIKE = {
    aten.full_like, aten.ones_like, aten.zeros_like, aten.new_full, aten.new_ones, aten.new_zeros, aten.empty_like,
}  # fmt: skip


def rewrite_masks(work: Work) -> bool:
    """Returns True if anything was rewritten."""
    changed = False
    for node in list(work.gm.graph.nodes):
        by = None
        if packet(node) is aten.index_put:
            by = _masked_write(work, node)
        elif packet(node) in LIKE and packet(node) is not aten.empty_like:
            by = _like(work, node)
        elif packet(node) is aten.copy:
            by = _copied(work, node)
        elif packet(node) in (aten.type_as, aten.expand_as, aten.view_as):
            by = _as(work, node)
        if by is not None:
            replace(node, by)
            changed = True
    return changed


def _masked_write(work: Work, node: fx.Node) -> fx.Node | None:
    x, indices, value = node.args[:3]
    accumulates = len(node.args) > 3 and bool(node.args[3])
    if accumulates or not isinstance(indices, list | tuple) or len(indices) != 1:
        return None
    mask = indices[0]
    assert isinstance(x, fx.Node)
    assert isinstance(value, fx.Node)
    if not isinstance(mask, fx.Node) or dtype(mask) is not torch.bool or shape(mask) != shape(x):
        return None
    if value.meta["val"].numel() != 1:
        return None
    if value.meta["val"].ndim:
        value = insert(work.gm, node, aten.view.default, (value, []), node)
    return insert(work.gm, node, aten.where.self, (mask, value, x), node)


def _like(work: Work, node: fx.Node) -> fx.Node:
    x = node.args[0]
    assert isinstance(x, fx.Node)
    stand_in = torch.zeros(shape(x), dtype=dtype(x))
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: stand_in)
    return constant(work.gm, node, node.target(*args, **kwargs), node)  # type: ignore[operator]


def _as(work: Work, node: fx.Node) -> fx.Node:
    x = node.args[0]
    if packet(node) is aten.type_as:
        return insert(work.gm, node, aten._to_copy.default, (x,), node, dtype=dtype(node))
    target = aten.expand.default if packet(node) is aten.expand_as else aten.view.default
    return insert(work.gm, node, target, (x, list(shape(node))), node)


def _copied(work: Work, node: fx.Node) -> fx.Node:
    """`a.copy_(b)`: b in a's dtype and shape."""
    b = node.args[1]
    assert isinstance(b, fx.Node)
    if dtype(b) is not dtype(node):
        b = insert(work.gm, node, aten._to_copy.default, (b,), node, dtype=dtype(node))
    return b if shape(b) == shape(node) else insert(work.gm, node, aten.expand.default, (b, list(shape(node))), node)
