# SPDX-License-Identifier: Apache-2.0
"""Elements of one tensor in another order: maps as tokens, transposes, axes merged and split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Permute(Node):
    """out[y, x, c] = element start + y * step_y + x * step_x + c * step_c of the input, in its (h, w, ch) order.

    Attributes:
        start, step_y, step_x, step_c: elements, not negative.
    """

    start: int
    step_y: int
    step_x: int
    step_c: int

    arity: ClassVar[int | None] = 1

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        h, w, ch = self.output.shape
        y, x, c = np.ogrid[:h, :w, :ch]
        at = self.start + y * self.step_y + x * self.step_x + c * self.step_c
        return np.ascontiguousarray(arrays[0].reshape(len(arrays[0]), -1)[:, at])

    def check(self, *tensors: Tensor) -> None:
        h, w, ch = self.output.shape
        tensor = tensors[0]
        steps = (self.start, self.step_y, self.step_x, self.step_c)
        expect(min(steps) >= 0, self, f"start and steps {steps}", "none negative")
        last = self.start + (h - 1) * self.step_y + (w - 1) * self.step_x + (ch - 1) * self.step_c
        expect(last < tensor.size, self, f"reads element {last} of input {tensor.name}, which has {tensor.size}")
        kind = self.output.kind
        expect(tensor.kind is kind, self, f"input {tensor.name} is {tensor.kind.value}", kind.value)

    def bounds(self, *bounds: Bounds) -> Bounds:
        return bounds[0]
