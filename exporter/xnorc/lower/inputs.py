# SPDX-License-Identifier: Apache-2.0
"""The image: uint8 pixels, and the floats that ToTensor and Normalize make of them."""

from __future__ import annotations

import numpy as np
import torch

from xnorc.errors import LowerError
from xnorc.lower.ops import dtype_of, shape_of
from xnorc.lower.source import Source, canonical, program_shape
from xnorc.lower.state import Lowering, Options
from xnorc.program import Kind, Tensor


def input_tensor(example: torch.Tensor) -> Tensor:
    """The program's input for an example of shape (1, C, H, W) or (1, features).

    Raises:
        LowerError: another rank, or a batch that is not 1.
    """
    shape = tuple(int(n) for n in example.shape)
    if len(shape) not in (2, 4) or shape[0] != 1:
        raise LowerError("example input", f"shape {shape}", "one image (1, C, H, W) or one vector (1, features)")
    return Tensor("image", program_shape(shape), Kind.U8)


def preprocess(pixels: torch.Tensor, options: Options) -> torch.Tensor:
    """uint8 (..., C) -> float32: x / 255 as ToTensor has it, then (x - mean) / std as Normalize has it, in that rounding."""
    x = pixels.to(torch.float32).div(255)
    if options.mean is not None:
        x = x.sub(torch.tensor(options.mean, dtype=torch.float32))
    if options.std is not None:
        x = x.div(torch.tensor(options.std, dtype=torch.float32))
    return x


def lower_input(lowering: Lowering) -> Source:
    """The placeholder as a source over uint8, with the exact float of every pixel value."""
    node, options = lowering.captured.input, lowering.options
    shape = shape_of(node)
    ch = shape[1] if len(shape) == 4 else 1
    for name, given in (("mean", options.mean), ("std", options.std)):
        if given is not None and len(given) not in (1, ch):
            raise LowerError("normalisation", f"{len(given)} values of {name} for {ch} channels", "one value or one per channel")
    pixels = torch.arange(256, dtype=torch.uint8)[:, None].expand(256, ch)
    table = preprocess(pixels, options).to(dtype_of(node))
    mean = np.broadcast_to(np.asarray(options.mean or 0.0, np.float64), (ch,))
    std = np.broadcast_to(np.asarray(options.std or 1.0, np.float64), (ch,))
    if (std <= 0).any() or not np.isfinite(std).all() or not np.isfinite(mean).all():
        raise LowerError("normalisation", f"mean {options.mean}, std {options.std}", "finite numbers, std above 0")
    elements = int(np.prod(shape))
    channel = np.repeat(np.arange(ch), elements // ch)
    return Source(
        node=node, tensor=lowering.input, at=canonical(shape), scale=(1 / (255 * std))[channel],
        offset=(-mean / std)[channel], low=np.zeros(elements, np.int64), high=np.full(elements, 255), noise=np.zeros(elements),
        table=table, kind_of=channel,
    )  # fmt: skip


def images_to_float(x: np.ndarray, example: torch.Tensor, options: Options) -> torch.Tensor:
    """uint8 (N, h, w, ch) -> what the model sees, (N, C, H, W) or (N, features), in the example's dtype."""
    real = preprocess(torch.from_numpy(np.ascontiguousarray(x)), options).to(example.dtype)
    if example.ndim == 4:
        real = real.permute(0, 3, 1, 2)
    # A copy into fresh memory: with one channel a permuted tensor passes for contiguous, yet sends convolutions channels-last.
    return torch.empty(len(x), *example.shape[1:], dtype=real.dtype).copy_(real.reshape(len(x), *example.shape[1:]))
