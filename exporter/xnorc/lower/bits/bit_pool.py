# SPDX-License-Identifier: Apache-2.0
"""Max pools of bits."""

from __future__ import annotations

import numpy as np

from xnorc.lower.builder import Builder
from xnorc.program import Kind, Tensor, Window
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d


def bit_pool(builder: Builder, layer: str, tensor: Tensor, window: Window, flip: np.ndarray) -> BMaxPool2d:
    """An OR of bits over a window (an AND where `flip`, per channel), not yet emitted."""
    shape = (*window.out_hw(*tensor.shape[:2]), tensor.shape[2])
    output = builder.tensor(f"{layer}_pool", shape, Kind.BIT)
    return BMaxPool2d(name=layer, inputs=(tensor.name,), output=output, window=window, flip=flip)
