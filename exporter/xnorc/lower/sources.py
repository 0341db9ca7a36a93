# SPDX-License-Identifier: Apache-2.0
"""Which way an origin becomes integers: the image, a dot."""

from __future__ import annotations

from torch import fx

from xnorc.lower.dots import lower_dot
from xnorc.lower.inputs import lower_input
from xnorc.lower.ops import DOTS, is_call
from xnorc.lower.source import Source
from xnorc.lower.state import Lowering


def lower_source(lowering: Lowering, node: fx.Node) -> Source:
    """The integers that stand for an origin.

    Raises:
        LowerError: there is no integer form of it.
    """
    if node is lowering.captured.input:
        return lower_input(lowering)
    if is_call(node, DOTS):
        return lower_dot(lowering, node)
    raise lowering.refuse(node, f"{node.target} of real values", "binarize first")
