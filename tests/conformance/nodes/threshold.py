# SPDX-License-Identifier: Apache-2.0
"""Values against constant thresholds."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng, thresholds
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.threshold import Threshold


def build(f: Fields, rng: Rng) -> Built:
    kind = Kind(f.get("in", "i16"))
    shape = (f["h"], f["w"], f["ch"])
    low, high = (max(-1000, kind.range[0]), min(1000, kind.range[1])) if kind is Kind.I32 else kind.range
    node = Threshold(
        name="threshold", inputs=("a",), output=Tensor("y", shape, Kind.BIT),
        thresholds=thresholds(f.get("thr", "random"), shape, low, high, rng),
    )  # fmt: skip
    return node, (Tensor("a", shape, kind),)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(Kind.U8, *STREAMS, Kind.I32)) is None:
        return False
    how = str(grower.rng.choice(["random", "interval", "tile"]))
    low, high = grower.bounds[x.name]
    thr = thresholds(how, x.shape, max(low, -(2**20)), min(high, 2**20), grower.rng)
    return grower.accept(
        Threshold(name="threshold", inputs=(x.name,), output=grower.output(x.shape, Kind.BIT), thresholds=thr)
    )
