# SPDX-License-Identifier: Apache-2.0
"""Maxima of bits."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng, pool_fields
from tests.conformance.grower import Grower
from xnorc.program import Kind
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d


def build(f: Fields, rng: Rng) -> Built:
    x, fields = pool_fields(f, Kind.BIT, Kind.BIT)
    return BMaxPool2d(**fields, flip=rng.integers(0, 2, f["ch"]).astype(bool)), (x,)


def grow(grower: Grower) -> bool:
    return grower.pool(BMaxPool2d, (Kind.BIT,), None, flips=True)
