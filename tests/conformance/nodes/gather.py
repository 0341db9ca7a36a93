# SPDX-License-Identifier: Apache-2.0
"""Channels of several maps, routed."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, pair
from tests.conformance.grower import Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.gather import ZERO, Gather


def build(f: Fields, rng: Rng) -> Built:
    """`sources` inputs of in_ch, in_ch + 1, .. channels; random routes, some constant 0; `crop` rows and columns."""
    sh, sw = pair(f.get("step", 1))
    top, left, bottom, right = (int(v) for v in str(f.get("crop", "0,0,0,0")).split(","))
    height, width = f["h"] - top - bottom, f["w"] - left - right
    kind = Kind(f.get("in", "bit"))
    tensors = tuple(Tensor(f"x{i}", (f["h"], f["w"], f["in_ch"] + i), kind) for i in range(f.get("sources", 1)))
    source = rng.integers(0, len(tensors), (f["ch"],)).astype(np.uint8)
    channel = np.array([rng.integers(0, tensors[s].shape[2]) for s in source], np.uint16)
    source[rng.integers(0, 5, f["ch"]) == 0] = ZERO
    node = Gather(
        name="gather", inputs=tuple(t.name for t in tensors), source=source, channel=channel, step_h=sh, step_w=sw,
        output=Tensor("y", (-(-height // sh), -(-width // sw), f["ch"]), kind), top=top, left=left,
    )  # fmt: skip
    return node, tensors


def grow(grower: Grower) -> bool:
    if (x := grower.pick(*Kind)) is None:
        return False
    alike = [t for t in grower.tensors if t.shape[:2] == x.shape[:2] and t.kind is x.kind][-3:]
    step = int(grower.rng.integers(1, 3))
    ch = int(grower.rng.choice([3, 32, 40]))
    source = grower.rng.integers(0, len(alike), ch).astype(np.uint8)
    channel = np.array([grower.rng.integers(0, alike[s].shape[2]) for s in source], np.uint16)
    shape = (-(-x.shape[0] // step), -(-x.shape[1] // step), ch)
    return grower.accept(
        Gather(name="gather", inputs=tuple(t.name for t in alike), output=grower.output(shape, x.kind),
               source=source, channel=channel, step_h=step, step_w=step)
    )  # fmt: skip
