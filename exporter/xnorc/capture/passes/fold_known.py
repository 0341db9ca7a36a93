# SPDX-License-Identifier: Apache-2.0
"""What depends on the image but can have only one value becomes a constant: `x * 0 + 1`, `relu(x) >= 0`.

That x * 0 is 0 holds because every element is proved finite, from the bounds assumed of the image.
"""

from __future__ import annotations

import torch

from xnorc.capture.edit import constant, dtype, replace, shape
from xnorc.capture.infer import infer
from xnorc.capture.passes.work import Work
from xnorc.capture.source import op_name, where
from xnorc.capture.values import Finite, Range, Value


def fold_known(work: Work) -> bool:
    """Returns True if anything was folded."""
    values = infer(work.gm, work.image)
    changed = False
    for node in list(work.gm.graph.nodes):
        if node.op != "call_function" or not node.users or not isinstance(node.meta.get("val"), torch.Tensor):
            continue
        known = _only(values[node])
        if known is not None:
            work.note(f"{where(node)}: {op_name(node)} gives the same result for every image; folded")
            full = known.to(dtype(node)).expand(shape(node)) if known.ndim == 0 else known.expand(shape(node))
            replace(node, constant(work.gm, node, full, node))
            changed = True
    if changed:
        work.gm.graph.eliminate_dead_code()
    return changed


def _only(value: Value) -> torch.Tensor | None:
    if isinstance(value, Finite) and len(value.vals) == 1:
        return value.vals[0]
    if isinstance(value, Finite) and all(torch.equal(v, value.vals[0]) for v in value.vals[1:]):
        return value.vals[0]
    if isinstance(value, Range) and value.lo == value.hi and value.finite:
        return torch.tensor(value.lo)
    return None
