# SPDX-License-Identifier: Apache-2.0
"""Residual joins: the sum of two streams of one scale."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.ops import argument, shape_of, short_name
from xnorc.lower.graph.scales import LIMIT16, is_join
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.layer_rows import StreamRow
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import routed
from xnorc.lower.streams.whole_numbers import whole_unit
from xnorc.program import Kind
from xnorc.program.nodes.add import Add


def lower_join(lowering: Lowering, node: fx.Node) -> Source:
    """add or sub of two real nodes as an Add of int16 streams.

    Where both sides are whole multiples of one unit and the sum is sure to fit (a residual of dots and bits),
    nothing is rounded.
    """
    graph, builder = lowering.graph, lowering.builder
    arguments = [n for n in node.all_input_nodes if n in graph.origins]
    if not is_join(node, graph.origins) or len(arguments) != 2:
        raise graph.refuse(node, f"{short_name(node)} of two real-valued maps", "their sum or difference")
    for side in arguments:
        for origin in graph.origins[side]:
            lowering.source(origin)  # a side that cannot be had is the better thing to say
    if any(shape_of(n) != shape_of(node) for n in arguments):
        raise graph.refuse(
            node,
            f"a sum of maps of shapes {shape_of(arguments[0])} and {shape_of(arguments[1])}",
            "equal shapes (a map less its own mean, as a standard deviation has it, has no integer form)",
        )
    alpha = argument(node, "alpha")
    if alpha not in (1, 1.0):
        raise graph.refuse(node, f"a sum with alpha={alpha}", "alpha=1")
    first, second = (node.args[0], node.args[1])
    assert isinstance(first, fx.Node)
    assert isinstance(second, fx.Node)
    exact = whole_unit(lowering, [first, second])
    unit = graph.scales.int16(node) if exact is None else exact
    shape = program_shape(shape_of(node))
    tensors = []
    for side in (first, second):
        made = lowering.stream(side, unit)
        tensors.append(routed(lowering, node, made.tensor, made.at, shape, nchw=len(shape_of(node)) == 4)[0])
    output = builder.tensor(f"{layer_of(node)}_sum", shape, Kind.I16, unit)
    builder.emit(
        Add(
            name=layer_of(node),
            inputs=tuple(t.name for t in tensors),
            output=output,
            mul_b=-1 if short_name(node) == "sub" else 1,
            low=-LIMIT16,
            high=LIMIT16,
        )
    )
    size = int(np.prod(shape_of(node)))
    builder.tell(StreamRow(layer=layer_of(node), where=graph.where(node), scale=unit, exact=exact is not None), output)
    return Source(
        node=node,
        tensor=output,
        at=canonical(shape_of(node)),
        scale=np.full(size, unit),
        offset=np.zeros(size),
        low=np.full(size, -LIMIT16),
        high=np.full(size, LIMIT16),
        noise=np.zeros(size),
        exact=exact is not None,
    )
