# SPDX-License-Identifier: Apache-2.0
"""A factor and an addend per channel, or per place."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, streams
from tests.conformance.grower import Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine


def build(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = streams(f, 1)
    h, w, ch = y.shape
    rows, cols = np.arange(h) % f.get("row_classes", 1), np.arange(w) % f.get("col_classes", 1)
    shape = (int(rows.max()) + 1, int(cols.max()) + 1, ch)
    reach = f.get("mul", 2**31 - 1)
    mul = rng.integers(-reach, reach, shape, endpoint=True).astype(np.int32)
    bias = f.get("add", 2**40)
    add = rng.integers(-bias, bias, shape, endpoint=True).astype(np.int64)
    if f.get("factors") == "ends":
        mul = rng.choice([-reach, -(2**16), -(2**16) + 1, -1, 0, 2**15, 2**16 - 1, reach], shape).astype(np.int32)
        add = rng.choice([-bias, -(2**16), -1, 0, 2**16 - 1, bias], shape).astype(np.int64)
    if f.get("factors") == "alike":
        mul, add = (np.ascontiguousarray(np.broadcast_to(a[..., :1], shape)) for a in (mul, add))
    node = Affine(
        name="affine", inputs=("a",), output=y, low=low, high=high, mul=mul, shift=f.get("shift", 0),
        add=add, rows=rows.astype(np.uint8), cols=cols.astype(np.uint8),
    )  # fmt: skip
    return node, tuple(tensors)


def grow(grower: Grower, x: Tensor | None = None, kind: Kind = Kind.I16) -> bool:
    if x is None and (x := grower.pick(*Kind)) is None:
        return False
    low, high = kind.range
    h, w, ch = x.shape
    mul = grower.rng.integers(-5000, 5000, (1, 1, ch)).astype(np.int32)
    return grower.accept(
        Affine(name="affine", inputs=(x.name,), output=grower.output(x.shape, kind), low=low, high=high, mul=mul,
               add=grower.rng.integers(-(2**20), 2**20, (1, 1, ch)), shift=int(grower.rng.integers(0, 12)),
               rows=np.zeros(h, np.uint8), cols=np.zeros(w, np.uint8))
    )  # fmt: skip
