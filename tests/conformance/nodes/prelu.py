# SPDX-License-Identifier: Apache-2.0
"""Two slopes with shifts around."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, streams
from tests.conformance.grower import STREAMS, Grower
from xnorc.program.nodes.prelu import PRelu


def build(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = streams(f, 1)
    ch = y.shape[2]
    ends = np.arange(ch) % 3 - 1 if f.get("slopes") == "ends" else None
    slope = rng.integers(-(2**15), 2**15, ch) if ends is None else np.where(ends < 0, -(2**15), ends * (2**15 - 1))
    before, after = (rng.integers(-(2**15) + 1, 2**15, ch).astype(np.int32) for _ in range(2))
    if ends is not None:
        before = np.where(np.arange(ch) % 2, 2**15 - 1, -(2**15) + 1).astype(np.int32)
    node = PRelu(
        name="prelu", inputs=("a",), output=y, low=low, high=high,
        before=before, slope=slope.astype(np.int16), after=after,
    )  # fmt: skip
    return node, tuple(tensors)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(*STREAMS)) is None:
        return False
    ch = x.shape[2]
    return grower.accept(
        PRelu(name="prelu", inputs=(x.name,), output=grower.output(x.shape, x.kind), low=x.kind.range[0],
              high=x.kind.range[1], slope=grower.rng.integers(-8192, 8192, ch).astype(np.int16),
              before=grower.rng.integers(-99, 99, ch).astype(np.int32),
              after=grower.rng.integers(-99, 99, ch).astype(np.int32))
    )  # fmt: skip
