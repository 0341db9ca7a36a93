# SPDX-License-Identifier: Apache-2.0
"""What the user chose for an export."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Options:
    """What the user chose.

    Attributes:
        mean, std: per channel, applied to x / 255 ahead of the model; None: the model sees x / 255.
        tie: the value (+1 or -1) of sign(0) where a model can reach it; None refuses.
        calibration: uint8 (N, h, w, ch) samples, or None.
        percentile: share of calibration magnitudes a stream must hold without saturating, in percent.
        weight_bits: bits of real weights, 8 or 16; None: 16 where the layer's map is small (two planes of 8) and
            in stencils (int16), 8 elsewhere.
        static_collapsed: thresholds computed from the image that are the same for all calibration images become
            constants.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    tie: int | None = None
    calibration: np.ndarray | None = None
    percentile: float = 100.0
    weight_bits: int | None = None
    static_collapsed: bool = False
