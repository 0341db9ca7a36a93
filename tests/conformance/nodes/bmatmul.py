# SPDX-License-Identifier: Apache-2.0
"""Products of two bit maps."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng
from tests.conformance.grower import Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.bmatmul import BMatMul


def build(f: Fields, rng: Rng) -> Built:
    """`heads` side by side on the channels; `layout` tokens sums over channels, transposed over the tokens of b."""
    heads, rows, cols, depth = f.get("heads", 1), f["rows"], f["cols"], f["depth"]
    a = Tensor("a", (rows, 1, heads * depth), Kind.BIT)
    if f.get("layout", "tokens") == "tokens":
        b, b_strides = Tensor("b", (cols, 1, heads * depth), Kind.BIT), (depth, heads * depth, 1)
    else:
        b, b_strides = Tensor("b", (depth, 1, heads * cols), Kind.BIT), (cols, 1, heads * cols)
    node = BMatMul(
        name="bmatmul", inputs=("a", "b"), groups=heads, rows=rows, cols=cols, depth=depth,
        output=Tensor("y", (rows, 1, heads * cols), Kind(f.get("out", "i16"))),
        a_start=0, a_group=depth, a_row=heads * depth, a_depth=1, a_low=f.get("a_low", -1),
        b_start=0, b_group=b_strides[0], b_col=b_strides[1], b_depth=b_strides[2], b_low=f.get("b_low", -1),
    )  # fmt: skip
    return node, (a, b)


def grow(grower: Grower) -> bool:
    """All pixels by all pixels of one map, or its channels by its channels, all of it or a part."""
    if (x := grower.pick(Kind.BIT)) is None:
        return False
    pixels, ch = x.shape[0] * x.shape[1], x.shape[2]
    (lines, line), (depth, step) = [(pixels, ch), (ch, 1)][:: 1 if grower.rng.random() < 0.5 else -1]
    skip = int(grower.rng.integers(0, depth))
    low = -int(grower.rng.integers(0, 2)), -int(grower.rng.integers(0, 2))
    rows, cols = min(lines, 24), min(lines, 40)
    return grower.accept(
        BMatMul(name="bmatmul", inputs=(x.name, x.name), output=grower.output((rows, 1, cols), Kind.I16),
                groups=1, rows=rows, cols=cols, depth=depth - skip, a_start=skip * step, a_group=0, a_row=line,
                a_depth=step, b_start=0, b_group=0, b_col=line, b_depth=step, a_low=low[0], b_low=low[1])
    )  # fmt: skip
