# SPDX-License-Identifier: Apache-2.0
"""Sums over windows."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng, pool_fields
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind
from xnorc.program.nodes.sumpool2d import SumPool2d


def build(f: Fields, rng: Rng) -> Built:
    x, fields = pool_fields(f, Kind(f.get("in", "i16")), Kind(f.get("out", "i32")))
    return SumPool2d(**fields), (x,)


def grow(grower: Grower) -> bool:
    return grower.pool(SumPool2d, (Kind.BIT, Kind.U8, *STREAMS), Kind.I32)
