# SPDX-License-Identifier: Apache-2.0
"""Which way an origin becomes integers: the image, a dot, a product, bits added to something, a join, a pool."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.dots.dot import lower_dot
from xnorc.lower.dots.matmul import is_product, lower_product
from xnorc.lower.dots.operand import rows_to_bits
from xnorc.lower.graph.ops import AVERAGES, DOTS, MAX_POOL, is_call, is_cat, shape_of
from xnorc.lower.graph.scales import is_join
from xnorc.lower.graph.source import Source
from xnorc.lower.inputs import lower_input
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.average import lower_average
from xnorc.lower.streams.concatenation import lower_concatenation
from xnorc.lower.streams.join import lower_join
from xnorc.lower.streams.max_pool import lower_max_pool


def lower_source(lowering: Lowering, node: fx.Node) -> Source:
    """The integers that stand for an origin, or for a concatenation of several.

    Raises:
        LowerError: there is no integer form of it.
    """
    graph = lowering.graph
    if node is graph.input:
        return lower_input(lowering)
    if node in graph.points:
        return _bits(lowering, node)
    if is_product(graph, node):
        return lower_product(lowering, node)
    if is_call(node, DOTS):
        return lower_dot(lowering, node)
    if is_call(node, MAX_POOL):
        return lower_max_pool(lowering, node)
    if is_call(node, AVERAGES):
        return lower_average(lowering, node)
    if is_cat(node):
        return lower_concatenation(lowering, node)
    if is_join(node, graph.origins):
        return lower_join(lowering, node)
    raise graph.refuse(
        node,
        f"{node.target} of real values that depend on the image",
        "sums, differences, pools and averages of real maps",
    )


def _bits(lowering: Lowering, node: fx.Node) -> Source:
    """A binarize point read as a number: bit 0 is one value, bit 1 the other."""
    graph = lowering.graph
    table = graph.values[node]
    assert isinstance(table, Finite)
    bit_of_row = rows_to_bits(table)
    if bit_of_row is None or 1 not in bit_of_row:
        raise graph.refuse(node, f"{len(table.codes)} values join a real-valued path", "two values")
    bits = lowering.bits_of(node, bit_of_row)
    low, high = (table.vals[bit_of_row.index(b)].double().expand(shape_of(node)).reshape(-1).numpy() for b in (0, 1))
    size = len(bits.at)
    return Source(
        node=node,
        tensor=bits.tensor,
        at=bits.at,
        scale=high - low,
        offset=low,
        low=np.zeros(size, np.int64),
        high=np.ones(size, np.int64),
        noise=np.zeros(size),
    )
