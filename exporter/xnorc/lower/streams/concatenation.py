# SPDX-License-Identifier: Apache-2.0
"""Concatenations of real nodes as one stream."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.positions import FILL, joined_from
from xnorc.lower.graph.scales import LIMIT16
from xnorc.lower.graph.source import Source, program_shape
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import assembled
from xnorc.program import Tensor


def lower_concatenation(lowering: Lowering, joint: fx.Node) -> Source:
    """The parts of a cat as int16 streams of one scale, side by side in one tensor."""
    graph = lowering.graph
    unit = graph.scales.int16(joint)
    elements = int(np.prod(shape_of(joint)))
    which, at = np.zeros(elements, np.int64), np.full(elements, -1, np.int64)
    tensors: list[Tensor] = []
    for part, moved in joined_from(joint):
        made = lowering.stream(part, unit)
        mine = moved != FILL
        if made.tensor not in tensors:
            tensors.append(made.tensor)
        which[mine], at[mine] = tensors.index(made.tensor), made.at[moved[mine]]
    shape = shape_of(joint)
    tensor, place = assembled(lowering, joint, tensors, which, at, program_shape(shape), nchw=len(shape) == 4)
    full = np.full(elements, LIMIT16)
    return Source(
        node=joint,
        tensor=tensor,
        at=place,
        scale=np.full(elements, unit),
        offset=np.zeros(elements),
        low=-full,
        high=full,
        noise=np.zeros(elements),
        exact=False,
    )
