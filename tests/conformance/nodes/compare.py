# SPDX-License-Identifier: Apache-2.0
"""Values against thresholds that the network computes."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind, Tensor, Window
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.sumpool2d import SumPool2d


def build(f: Fields, rng: Rng) -> Built:
    """`in` values against `thr` thresholds, both kinds; flips are mixed."""
    shape = (f["h"], f["w"], f["ch"])
    node = Compare(
        name="compare", inputs=("a", "t"), output=Tensor("y", shape, Kind.BIT),
        flip=rng.integers(0, 2, f["ch"]).astype(bool),
    )  # fmt: skip
    return node, (Tensor("a", shape, Kind(f["in"])), Tensor("t", (1, 1, f["ch"]), Kind(f["thr"])))


def grow(grower: Grower) -> bool:
    """Against channel sums of the values themselves, or against any vector that fits."""
    if (x := grower.pick(Kind.U8, *STREAMS, Kind.I32)) is None:
        return False
    h, w, ch = x.shape
    fitting = [t for t in grower.tensors if t.shape == (1, 1, ch) and t.kind in (Kind.I16, Kind.I32)]
    if not fitting:
        total = SumPool2d(name="sums", inputs=(x.name,), output=grower.output((1, 1, ch), Kind.I32),
                          window=Window(kh=h, kw=w))  # fmt: skip
        if not grower.accept(total):
            return False
        fitting = [total.output]
    return grower.accept(
        Compare(name="compare", inputs=(x.name, fitting[-1].name), output=grower.output(x.shape, Kind.BIT),
                flip=grower.rng.integers(0, 2, ch).astype(bool))
    )  # fmt: skip
