# SPDX-License-Identifier: Apache-2.0
"""`as_strided` reads memory, not elements: of a tensor that lies in order it is a gather, of any other it is refused.

The pass comes first: later passes drop copies, and what lay in order need not do so any more.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, constant, given, insert, replace, shape
from xnorc.capture.passes.work import Work
from xnorc.capture.source import where
from xnorc.errors import CaptureError


def rewrite_strides(work: Work) -> bool:
    """Returns True if a call was rewritten.

    Raises:
        CaptureError: the tensor's elements do not lie in order, or the call reads beyond them.
    """
    changed = False
    for node in list(work.gm.graph.nodes):
        if node.op == "call_function" and node.target is aten.as_strided.default:
            replace(node, _gathered(work, node))
            changed = True
    return changed


def _gathered(work: Work, node: fx.Node) -> fx.Node:
    x = node.args[0]
    held = x.meta["val"] if isinstance(x, fx.Node) else None
    size, stride, offset = (given(node, name) for name in ("size", "stride", "storage_offset"))
    last = sum((n - 1) * step for n, step in zip(size, stride, strict=True)) + (offset or 0)
    if not isinstance(x, fx.Node) or held is None or not held.is_contiguous() or last >= held.numel():
        raise CaptureError(
            where(node),
            "as_strided reads the memory of a tensor whose elements do not lie there in order",
            "reshape, permute, unfold or indexing, which say which elements are meant",
        )
    places = torch.arange(held.numel()).as_strided(size, stride, offset or 0).reshape(-1)
    index = constant(work.gm, node, places, node)
    flat = insert(work.gm, node, aten.reshape.default, (x, [-1]), node)
    picked = insert(work.gm, node, aten.index.Tensor, (flat, [index]), node)
    return insert(work.gm, node, aten.reshape.default, (picked, list(shape(node))), node)
