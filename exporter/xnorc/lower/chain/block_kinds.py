# SPDX-License-Identifier: Apache-2.0
"""The kinds of blocks that a real-valued chain is made of: each is what one integer node computes.

Arrays have one entry for each element of the chain's end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import fx


@dataclass(frozen=True, eq=False)
class Block:
    """Part of a chain.

    Attributes:
        node: the last operation of the block.
        start: the node that the block reads, u.
    """

    node: fx.Node
    start: fx.Node


@dataclass(frozen=True, eq=False)
class AffineBlock(Block):
    """slope * u + offset, float64 each."""

    slope: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class ClampBlock(Block):
    """clip(u, low, high), the same for all elements; infinite where open."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class PReluBlock(Block):
    """u >= 0 ? positive * u : negative * u, float64 each."""

    positive: np.ndarray
    negative: np.ndarray


@dataclass(frozen=True, eq=False)
class TableBlock(Block):
    """Any function, the same for all elements of a vector, as the model computes it: float64 (K,) -> float64 (K,).

    (A map would need a table for each channel, and more than 8 bits.)
    """

    function: Callable[[np.ndarray], np.ndarray]
