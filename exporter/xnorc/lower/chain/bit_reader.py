# SPDX-License-Identifier: Apache-2.0
"""What a binarize point evaluates to, as bits."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite, where
from xnorc.errors import Fault
from xnorc.lower.chain.codes import TIE
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.source import BitOfRow


class Reader:
    """Rows of a point's table to bits, under the user's tie rule if there is one.

    Args:
        node: the binarize point.
        bit_of_row: bit of each row of its table; None for sign(0).
    """

    def __init__(self, graph: Graph, node: fx.Node, bit_of_row: BitOfRow) -> None:
        finite = graph.values[node]
        assert isinstance(finite, Finite)
        self.node, self.codes = node, finite.codes
        self.bits = list(bit_of_row)
        tie, rule = finite.tie, graph.options.tie
        if tie is not None and self.bits[tie] is None and rule is not None:
            wanted = next(i for i, c in enumerate(self.codes) if i != tie and bool((c * rule > 0).all()))
            self.bits[tie] = self.bits[wanted]

    def __call__(self, values: torch.Tensor, at: np.ndarray) -> np.ndarray:
        """values (K, S) of the point's flat elements `at` -> int8 (K, S) of 0, 1, TIE."""
        out = np.full(values.shape, -1, np.int8)
        for code, bit in zip(self.codes, self.bits, strict=True):
            wanted = code if code.ndim == 0 else code.expand(shape_of(self.node)).reshape(-1)[torch.from_numpy(at)]
            out[(values == wanted).numpy()] = TIE if bit is None else bit
        if (out < 0).any():  # capture knew fewer values than the operation has
            raise Fault(where(self.node), f"{self.node.target} takes a value that is none of those known of it")
        return out
