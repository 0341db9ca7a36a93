# SPDX-License-Identifier: Apache-2.0
"""Values through a table."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng
from tests.conformance.grower import Grower
from tests.conformance.nodes import affine
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.table import Table


def build(f: Fields, rng: Rng) -> Built:
    """257 random values."""
    shape = (f["h"], f["w"], f["ch"])
    values = rng.integers(-(2**15), 2**15, 257).astype(np.int16)
    node = Table(name="table", inputs=("a",), output=Tensor("y", shape, Kind.I16), values=values)
    return node, (Tensor("a", shape, Kind.I16),)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(Kind.I16)) is None:
        if (wide := grower.pick(*Kind)) is None or not affine.grow(grower, wide, Kind.I16):
            return False
        x = grower.tensors[-1]
    values = grower.rng.integers(-(2**15), 2**15, 257).astype(np.int16)
    return grower.accept(Table(name="table", inputs=(x.name,), output=grower.output(x.shape, Kind.I16), values=values))
