# SPDX-License-Identifier: Apache-2.0
"""The sum that every convolution is, in exact integers, for a batch.

Products are summed by BLAS in float32 or float64.  That is exact, not approximate: all terms and all partial
sums are integers of magnitude at most `bound`, and a float with p significand bits represents every integer up
to 2^p (24 and 53), in whatever order they are added.
"""

from __future__ import annotations

import numpy as np

from xnorc.errors import ProgramError
from xnorc.program.window import Window, take


def windowed_sum(x: np.ndarray, weights: np.ndarray, window: Window, groups: int, fill: int, bound: int) -> np.ndarray:
    """sum over taps and channels of x * w.

    Args:
        x: integers (N, h, w, in_ch).
        weights: integers (out_ch, kh, kw, in_ch // groups).
        window: geometry; skipped taps contribute 0.
        groups: input and output channels are split alike into this many consecutive groups.
        fill: value read by CONSTANT taps.
        bound: no partial sum exceeds this magnitude.

    Returns:
        int32 (N, out_h, out_w, out_ch).
    """
    if bound >= 2**31:
        raise ProgramError("convolution", f"sums up to {bound} exceed int32")
    real = np.float32 if bound < 2**24 else np.float64
    out_ch, per_group = weights.shape[0], weights.shape[3]
    rows, cols = window.rows(x.shape[1]), window.cols(x.shape[2])
    pixels = len(x) * len(rows) * len(cols)
    total: np.ndarray = np.zeros((groups, pixels, out_ch // groups), real)
    xf = x.astype(real)
    wf = weights.reshape(groups, out_ch // groups, window.kh, window.kw, per_group).astype(real)
    for ky in range(window.kh):
        for kx in range(window.kw):
            tap = take(xf, rows[:, ky], cols[:, kx], fill, 0).reshape(pixels, groups, per_group)
            by_group = tap.transpose(1, 0, 2)  # (groups, pixels, per_group)
            if per_group == 1:  # depthwise: a product, no matrix
                total += by_group * wf[:, None, :, ky, kx, 0]
            else:
                total += by_group @ wf[:, :, ky, kx].transpose(0, 2, 1)
    whole = total.transpose(1, 0, 2).reshape(len(x), len(rows), len(cols), out_ch)
    return whole.astype(np.int32)
