# SPDX-License-Identifier: Apache-2.0
"""Maxima of values."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng, pool_fields
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind
from xnorc.program.nodes.maxpool2d import MaxPool2d


def build(f: Fields, rng: Rng) -> Built:
    kind = Kind(f.get("in", "i16"))
    x, fields = pool_fields(f, kind, kind)
    return MaxPool2d(**fields), (x,)


def grow(grower: Grower) -> bool:
    return grower.pool(MaxPool2d, (Kind.U8, *STREAMS, Kind.I32), None)
