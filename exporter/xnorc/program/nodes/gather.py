# SPDX-License-Identifier: Apache-2.0
"""Channel routes, crops and subsampling: concat, split, slice, shuffle, zero-padded channels, x[:, :, 1::2, ::2]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.program.node import Bounds, Node, expect
from xnorc.program.tensor import Tensor

ZERO = 255  # `source` value of a channel that is constant 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Gather(Node):
    """out[y, x, c] = inputs[source[c]][top + y * step_h, left + x * step_w, channel[c]], or 0 where source[c] is ZERO.

    Attributes:
        source: uint8 (ch,), which input.
        channel: uint16 (ch,), which of its channels.
        step_h, step_w: spatial subsampling.
        top, left: first row and column read; rows and columns past the last one read are cropped.
    """

    source: np.ndarray
    channel: np.ndarray
    step_h: int = 1
    step_w: int = 1
    top: int = 0
    left: int = 0

    arity: ClassVar[int | None] = None

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        h, w, _ = self.output.shape
        every = [x[:, self.top :: self.step_h, self.left :: self.step_w][:, :h, :w] for x in arrays]
        out = np.zeros((len(every[0]), *self.output.shape), self.output.kind.dtype)
        for index, x in enumerate(every):
            mine = self.source == index
            out[..., mine] = x[..., self.channel[mine]]
        return out

    def check(self, *tensors: Tensor) -> None:
        out_h, out_w, ch = self.output.shape
        expect(
            self.source.dtype == np.uint8 and self.channel.dtype == np.uint16,
            self,
            "source must be uint8 and channel uint16",
        )
        expect(
            self.source.shape == self.channel.shape == (ch,), self, f"routes for {self.source.shape} of {ch} channels"
        )
        expect(
            1 <= len(tensors) < ZERO and min(self.step_h, self.step_w) >= 1 and min(self.top, self.left) >= 0,
            self,
            f"{len(tensors)} inputs, steps {self.step_h}x{self.step_w}",
        )
        for index, tensor in enumerate(tensors):
            h, w, in_ch = tensor.shape
            last = self.top + (out_h - 1) * self.step_h, self.left + (out_w - 1) * self.step_w
            expect(last[0] < h and last[1] < w, self, f"reads {last} of input {tensor.name}, which is {h}x{w}")
            expect(
                tensor.kind is self.output.kind,
                self,
                f"input {tensor.name} is {tensor.kind.value}",
                self.output.kind.value,
            )
            picks = self.channel[self.source == index]
            expect(picks.size == 0 or int(picks.max()) < in_ch, self, f"a channel beyond the {in_ch} of {tensor.name}")
        known = (self.source < len(tensors)) | (self.source == ZERO)
        expect(bool(known.all()), self, "a source that is no input")

    def bounds(self, *bounds: Bounds) -> Bounds:
        lows, highs = zip(*bounds, strict=True)
        return min(0, *lows), max(0, *highs)
