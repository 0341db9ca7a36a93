# SPDX-License-Identifier: Apache-2.0
"""Random whole programs that verify: every op, every kind, joins, shared and dying tensors."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import thresholds
from tests.conformance.grower import Grower
from tests.conformance.nodes import affine, makers
from xnorc.program import Kind, Program, Tensor, Window
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.threshold import Threshold


def random_program(seed: int, nodes: int = 14) -> Program:
    """A verified program of about `nodes` nodes, the same for the same seed."""
    grower, known = Grower(seed), makers()
    tries = 0
    while len(grower.nodes) < nodes and tries < 400:
        known[str(grower.rng.choice(list(known)))].grow(grower)
        tries += 1
    return finish(grower)


def finish(grower: Grower) -> Program:
    """A linear layer to ten logits over the newest tensor."""
    x = grower.tensors[-1]
    if x.kind is not Kind.BIT:
        assert affine.grow(grower, x, Kind.I8)
        assert accept_threshold(grower, grower.tensors[-1])
        x = grower.tensors[-1]
    h, w, ch = x.shape
    weights = (grower.rng.integers(0, 2, (10, h, w, ch)) * 2 - 1).astype(np.int8)
    assert grower.accept(
        BConv2d(name="logits", inputs=(x.name,), output=grower.output((1, 1, 10), Kind.I32), weights=weights,
                window=Window(kh=h, kw=w))
    )  # fmt: skip
    program = Program(name="random", input=grower.input, nodes=tuple(grower.nodes), output=grower.nodes[-1].output.name)
    program.verify()
    return program


def accept_threshold(grower: Grower, x: Tensor) -> bool:
    thr = thresholds("random", x.shape, -100, 100, grower.rng)
    return grower.accept(
        Threshold(name="threshold", inputs=(x.name,), output=grower.output(x.shape, Kind.BIT), thresholds=thr)
    )
