# SPDX-License-Identifier: Apache-2.0
"""A float sum as it is written: which two are added first matters to its rounding."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx


@dataclass(frozen=True)
class Sum:
    """A float sum as written: `left + sign * right`, each side a node or a sum again."""

    left: Sum | fx.Node
    right: Sum | fx.Node
    sign: int


def leaves(tree: Sum | fx.Node, sign: int = 1) -> list[tuple[fx.Node, int]]:
    """The leaves of a sum with their signs, left to right."""
    if isinstance(tree, fx.Node):
        return [(tree, sign)]
    return leaves(tree.left, sign) + leaves(tree.right, sign * tree.sign)
