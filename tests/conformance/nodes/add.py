# SPDX-License-Identifier: Apache-2.0
"""Sums of two streams."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng, streams
from tests.conformance.grower import STREAMS, Grower
from xnorc.program.nodes.add import Add


def build(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = streams(f, 2)
    node = Add(
        name="add", inputs=("a", "b"), output=y, low=low, high=high,
        mul_a=f.get("mul_a", 1), mul_b=f.get("mul_b", 1), shift=f.get("shift", 0),
    )  # fmt: skip
    return node, tuple(tensors)


def grow(grower: Grower) -> bool:
    if (a := grower.pick(*STREAMS)) is None:
        return False
    twins = [t for t in grower.tensors if t.shape == a.shape and t.kind in STREAMS]
    b = twins[int(grower.rng.integers(len(twins)))]
    low, high = a.kind.range
    return grower.accept(
        Add(name="add", inputs=(a.name, b.name), output=grower.output(a.shape, a.kind), low=low, high=high,
            mul_a=int(grower.rng.integers(-9, 10)), mul_b=int(grower.rng.integers(-9, 10)),
            shift=int(grower.rng.integers(0, 5)))
    )  # fmt: skip
