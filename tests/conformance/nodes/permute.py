# SPDX-License-Identifier: Apache-2.0
"""Axes in another order."""

from __future__ import annotations

from tests.conformance.drawing import Built, Fields, Rng
from tests.conformance.grower import Grower
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.permute import Permute


def build(f: Fields, rng: Rng) -> Built:
    """`order` names the input axes that become rows, columns, channels; "ccc" spreads a pixel; "tokens": (h*w, 1)."""
    h, w, ch = f["h"], f["w"], f["in_ch"]
    kind, start, order = Kind(f.get("in", "bit")), f.get("start", 0), f.get("order", "yxc")
    strides, sizes = {"y": w * ch, "x": ch, "c": 1}, {"y": h, "x": w, "c": ch}
    if order == "tokens":
        shape, steps = (h * w, 1, ch), (ch, 0, 1)
    elif order == "ccc":
        shape, steps = (h * w, ch, 1), (ch, 1, 0)
    else:
        y, x, c = order
        shape, steps = (sizes[y], sizes[x], sizes[c] - start), (strides[y], strides[x], strides[c])
    node = Permute(
        name="permute", inputs=("x",), output=Tensor("y", shape, kind),
        start=start, step_y=steps[0], step_x=steps[1], step_c=steps[2],
    )  # fmt: skip
    return node, (Tensor("x", (h, w, ch), kind),)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(*Kind)) is None:
        return False
    h, w, ch = x.shape
    axes = grower.rng.permutation([[h, w * ch], [w, ch], [ch, 1]])
    shape = (int(axes[0, 0]), int(axes[1, 0]), int(axes[2, 0]))
    return grower.accept(
        Permute(name="permute", inputs=(x.name,), output=grower.output(shape, x.kind), start=0,
                step_y=int(axes[0, 1]), step_x=int(axes[1, 1]), step_c=int(axes[2, 1]))
    )  # fmt: skip
