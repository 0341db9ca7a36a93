# SPDX-License-Identifier: Apache-2.0
"""Residual joins: the sum of two streams of one scale."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.ops import argument, shape_of, short_name
from xnorc.lower.graph.scales import LIMIT16, is_join
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import routed
from xnorc.lower.streams.stream import stream
from xnorc.lower.streams.whole_numbers import whole_unit
from xnorc.program import Kind
from xnorc.program.nodes.add import Add


def lower_join(lowering: Lowering, node: fx.Node) -> Source:
    """add or sub of two real nodes as an Add of int16 streams.

    Where both sides are whole multiples of one unit and the sum is sure to fit (a residual of dots and bits),
    nothing is rounded.
    """
    arguments = [n for n in node.all_input_nodes if n in lowering.known]
    if not is_join(node, lowering.known) or len(arguments) != 2:
        raise lowering.refuse(node, f"{short_name(node)} of two real-valued maps", "their sum or difference")
    for side in arguments:
        for origin in lowering.known[side]:
            lowering.source(origin)  # a side that cannot be had is the better thing to say
    if any(shape_of(n) != shape_of(node) for n in arguments):
        raise lowering.refuse(
            node,
            f"a sum of maps of shapes {shape_of(arguments[0])} and {shape_of(arguments[1])}",
            "equal shapes (a map less its own mean, as a standard deviation has it, has no integer form)",
        )
    alpha = argument(node, "alpha")
    if alpha not in (1, 1.0):
        raise lowering.refuse(node, f"a sum with alpha={alpha}", "alpha=1")
    first, second = (node.args[0], node.args[1])
    assert isinstance(first, fx.Node)
    assert isinstance(second, fx.Node)
    exact = whole_unit(lowering, [first, second])
    unit = lowering.scales.int16(node) if exact is None else exact
    shape = program_shape(shape_of(node))
    tensors = []
    for side in (first, second):
        made = stream(lowering, side, unit)
        tensors.append(routed(lowering, node, made.tensor, made.at, shape, nchw=len(shape_of(node)) == 4)[0])
    output = lowering.tensor(f"{lowering.layer(node)}_sum", shape, Kind.I16, unit)
    lowering.emit(
        Add(
            name=lowering.layer(node),
            inputs=tuple(t.name for t in tensors),
            output=output,
            mul_b=-1 if short_name(node) == "sub" else 1,
            low=-LIMIT16,
            high=LIMIT16,
        )
    )
    size = int(np.prod(shape_of(node)))
    lowering.report.append(
        {
            "layer": lowering.layer(node),
            "kind": "stream",
            "where": lowering.captured.where(node),
            "scale": unit,
            "exact": exact is not None,
        }
    )
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
