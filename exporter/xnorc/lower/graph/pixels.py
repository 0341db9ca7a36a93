# SPDX-License-Identifier: Apache-2.0
"""From uint8 images to what the float model sees."""

from __future__ import annotations

import numpy as np
import torch

from xnorc.options import Options


def preprocess(pixels: torch.Tensor, options: Options) -> torch.Tensor:
    """uint8 (..., C) -> float32: x / 255 as ToTensor has it, then (x - mean) / std as Normalize has it, in that
    rounding."""
    x = pixels.to(torch.float32).div(255)
    if options.mean is not None:
        x = x.sub(torch.tensor(options.mean, dtype=torch.float32))
    if options.std is not None:
        x = x.div(torch.tensor(options.std, dtype=torch.float32))
    return x


def images_to_float(x: np.ndarray, example: torch.Tensor, options: Options) -> torch.Tensor:
    """uint8 (N, h, w, ch) -> what the model sees, (N, C, H, W) or (N, features), in the example's dtype."""
    real = preprocess(torch.from_numpy(np.ascontiguousarray(x)), options).to(example.dtype)
    if example.ndim == 4:
        real = real.permute(0, 3, 1, 2)
    # A copy into fresh memory: with one channel a permuted tensor passes for contiguous, yet sends convolutions
    # channels-last.
    return torch.empty(len(x), *example.shape[1:], dtype=real.dtype).copy_(real.reshape(len(x), *example.shape[1:]))
