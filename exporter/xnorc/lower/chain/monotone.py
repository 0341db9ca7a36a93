# SPDX-License-Identifier: Apache-2.0
"""Chains that cannot flip twice, by what they are made of.

Rounding to nearest is monotone, so adding or multiplying by a constant, a batch norm (the same in eval mode), a
clip, a ReLU, a PReLU with slopes of at least 0, a sign, a rounding and a comparison with a constant are monotone
in floating point as they are on paper; so is any composition, rising or falling.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture import Const
from xnorc.lower.chain.chain import Chain
from xnorc.lower.graph.ops import is_cat, is_moving, short_name

STEPS = {
    "add",
    "sub",
    "rsub",
    "mul",
    "div",
    "neg",
    "batch_norm",
    "clamp",
    "clamp_min",
    "clamp_max",
    "relu",
    "relu6",
    "hardtanh",
    "sign",
    "sgn",
    "round",
    "floor",
    "ceil",
    "trunc",
    "gt",
    "ge",
    "lt",
    "le",
    "_to_copy",
    "to",
    "clone",
    "alias",
    "detach",
    "logical_not",
    "bitwise_not",
    "type_as",
    "maximum",
    "minimum",
    "threshold",
}


def is_monotone(chain: Chain) -> bool:
    """True where every operation on the way is known to be monotone in its only argument that varies."""
    return all(_monotone_step(chain, node) for node in chain.path)


def _monotone_step(chain: Chain, node: fx.Node) -> bool:
    if is_moving(node) or is_cat(node):
        return True
    varying = [n for n in node.all_input_nodes if not isinstance(chain.values.get(n), Const)]
    name = short_name(node)
    if name == "where":  # a choice between two constants
        return len(varying) == 1 and varying[0] is node.args[0]
    if name == "type_as":
        return True
    if len(varying) != 1 or list(node.args).count(varying[0]) != 1:
        return False
    if name in ("prelu", "leaky_relu"):
        slope = node.args[1] if len(node.args) > 1 else 0.01
        value = chain.values.get(slope) if isinstance(slope, fx.Node) else None
        return bool((value.tensor >= 0).all()) if isinstance(value, Const) else isinstance(slope, float) and slope >= 0
    if name == "div" and node.args[0] is not varying[0]:
        return False  # a constant divided by x has a pole
    if name == "mul" and any(
        isinstance(a, fx.Node) and not bool(torch.isfinite(_tensor(chain, a)).all())
        for a in node.args
        if a is not varying[0]
    ):
        return False
    return name in STEPS


def _tensor(chain: Chain, node: fx.Node) -> torch.Tensor:
    value = chain.values[node]
    assert isinstance(value, Const)
    return value.tensor
