# SPDX-License-Identifier: Apache-2.0
"""The geometry that convolutions and pools share: which input position each tap of each output reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.errors import ProgramError

PAD_MODES = ("skip", "constant", "replicate", "reflect")
SKIP = -1  # a tap that reads nothing
CONSTANT = -2  # a tap that reads the pad value


@dataclass(frozen=True, kw_only=True)
class Window:
    """A sliding window over (h, w).

    Attributes:
        kh, kw: kernel size in taps.
        stride_h, stride_w, dilation_h, dilation_w: in pixels.
        pad_top, pad_left, pad_bottom, pad_right: rows and columns beyond the image that taps may visit.
        pad_mode: what a tap outside the image reads.  "skip": nothing (PyTorch's zero padding after a sign is
            exactly this: the product is 0 and n shrinks); "constant": `pad_value`; "replicate": the nearest
            edge pixel; "reflect": mirrored without repeating the edge.
        pad_value: for "constant": a bit (0 or 1) on bit tensors, an integer elsewhere.
    """

    kh: int
    kw: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    pad_mode: str = "skip"
    pad_value: int = 0

    def out_hw(self, h: int, w: int) -> tuple[int, int]:
        """Output height and width for an input of h x w, PyTorch's floor rule."""
        return self._out_h(h), self._out_w(w)

    def _out_h(self, h: int) -> int:
        return (h + self.pad_top + self.pad_bottom - (self.kh - 1) * self.dilation_h - 1) // self.stride_h + 1

    def _out_w(self, w: int) -> int:
        return (w + self.pad_left + self.pad_right - (self.kw - 1) * self.dilation_w - 1) // self.stride_w + 1

    def rows(self, h: int) -> np.ndarray:
        """Input row read by tap row ky of output row y: int array (out_h, kh); SKIP or CONSTANT outside."""
        y = np.arange(self._out_h(h))[:, None] * self.stride_h - self.pad_top
        return self._inside(y + np.arange(self.kh)[None, :] * self.dilation_h, h)

    def cols(self, w: int) -> np.ndarray:
        """Input column read by tap column kx of output column x: int array (out_w, kw)."""
        x = np.arange(self._out_w(w))[:, None] * self.stride_w - self.pad_left
        return self._inside(x + np.arange(self.kw)[None, :] * self.dilation_w, w)

    def _inside(self, at: np.ndarray, size: int) -> np.ndarray:
        outside = (at < 0) | (at >= size)
        if self.pad_mode == "skip":
            return np.where(outside, SKIP, at)
        if self.pad_mode == "constant":
            return np.where(outside, CONSTANT, at)
        if self.pad_mode == "replicate":
            return np.clip(at, 0, size - 1)
        return np.where(at < 0, -at, np.where(at >= size, 2 * (size - 1) - at, at))

    def verify(self, where: str, h: int, w: int) -> None:
        """Raise ProgramError unless the window makes sense on an h x w image."""
        positive = (self.kh, self.kw, self.stride_h, self.stride_w, self.dilation_h, self.dilation_w)
        pads = (self.pad_top, self.pad_left, self.pad_bottom, self.pad_right)
        if min(positive) < 1 or min(pads) < 0:
            raise ProgramError(where, f"window {self} has a size below 1 or a negative pad")
        if self.pad_mode not in PAD_MODES:
            raise ProgramError(where, f"pad mode {self.pad_mode!r}", f"one of {', '.join(PAD_MODES)}")
        if min(self.out_hw(h, w)) < 1:
            raise ProgramError(where, f"a {self.kh}x{self.kw} window does not fit a {h}x{w} image with pads {pads}")
        if self.pad_mode == "reflect" and (max(pads[0], pads[2]) >= h or max(pads[1], pads[3]) >= w):
            raise ProgramError(where, f"reflect pads {pads} must be smaller than the {h}x{w} image")
        if max(positive + pads) > 255 or max(h, w) > 32767:
            raise ProgramError(where, "window fields must fit 8 bits and image sides 15 bits")
        if not -(2**15) <= self.pad_value < 2**15:
            raise ProgramError(where, f"pad value {self.pad_value}", "16 bits")


def take(x: np.ndarray, row: np.ndarray, col: np.ndarray, fill: int, skip: int) -> np.ndarray:
    """One tap of every output: x (N, h, w, ch) at row (out_h,) x col (out_w,) -> (N, out_h, out_w, ch).

    Positions marked SKIP become `skip`, positions marked CONSTANT become `fill`.  A tap is skipped when either
    of its axes says so.
    """
    picked = x[:, np.maximum(row, 0)][:, :, np.maximum(col, 0)]
    constant = (row == CONSTANT)[:, None] | (col == CONSTANT)[None, :]
    skipped = (row == SKIP)[:, None] | (col == SKIP)[None, :]
    if constant.any():
        picked = np.where(constant[None, :, :, None], np.asarray(fill, x.dtype), picked)
    if skipped.any():
        picked = np.where(skipped[None, :, :, None], np.asarray(skip, x.dtype), picked)
    return picked
