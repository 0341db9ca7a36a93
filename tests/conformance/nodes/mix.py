# SPDX-License-Identifier: Apache-2.0
"""Weighted sums of two streams, channel by channel."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, streams
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.mix import Mix


def build(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = streams(f, 2)
    h, w, ch = y.shape
    b = Tensor("b", (h, w, f.get("ch_b", ch)), tensors[1].kind)
    reach = 2**30
    mul_a, mul_b = (rng.integers(-reach, reach, ch, endpoint=True).astype(np.int32) for _ in range(2))
    node = Mix(
        name="mix", inputs=("a", "b"), output=y, low=low, high=high, mul_a=mul_a, mul_b=mul_b, shift=f.get("shift", 0)
    )
    return node, (tensors[0], b)


def grow(grower: Grower) -> bool:
    if (a := grower.pick(*STREAMS, Kind.I32)) is None:
        return False
    h, w, ch = a.shape
    twins = [t for t in grower.tensors if t.shape in (a.shape, (h, w, 1)) and t.kind in (*STREAMS, Kind.I32)]
    b = twins[int(grower.rng.integers(len(twins)))]
    mul_a, mul_b = (grower.rng.integers(-5000, 5000, ch).astype(np.int32) for _ in range(2))
    return grower.accept(
        Mix(name="mix", inputs=(a.name, b.name), output=grower.output(a.shape, Kind.I16), low=-(2**15),
            high=2**15 - 1, mul_a=mul_a, mul_b=mul_b, shift=int(grower.rng.integers(0, 12)))
    )  # fmt: skip
