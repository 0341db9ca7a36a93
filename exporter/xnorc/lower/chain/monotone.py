# SPDX-License-Identifier: Apache-2.0
"""Chains that cannot flip twice, by what they are made of: the claims of the table of operations, step by step.

A composition of monotone steps is monotone, rising or falling.
"""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.capture.edit import argument_names, dtype
from xnorc.capture.operations import Call, is_elementwise, is_join, is_moving, operation
from xnorc.lower.chain.chain import Chain

TWO = 2  # values, of which every function is monotone


def is_monotone(chain: Chain) -> bool:
    """True where every operation on the way is known to be monotone in its only argument that varies."""
    return all(_monotone_step(chain, node) for node in chain.path)


def _monotone_step(chain: Chain, node: fx.Node) -> bool:
    if is_moving(node) or is_join(node):
        return True
    row, call = operation(node), Call(node, chain.values)
    varying = [name for name in argument_names(node) if call.varies(name)]
    if row is not None and row.casts:
        varying = varying[:1]  # another tensor lends its dtype alone
    if len(varying) != 1:
        return False
    argument = call.argument(varying[0])
    value = chain.values.get(argument)
    if isinstance(value, Finite) and value.distinct() <= TWO and is_elementwise(node):
        return True
    return row is not None and all(_is_real(n) for n in (argument, node)) and row.is_monotone(call, varying[0])


def _is_real(node: fx.Node) -> bool:
    """Floating-point or truth values: integers may wrap."""
    return dtype(node).is_floating_point or dtype(node) is torch.bool
