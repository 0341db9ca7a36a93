# SPDX-License-Identifier: Apache-2.0
"""The image: uint8 pixels, and the floats that ToTensor and Normalize make of them."""

from __future__ import annotations

import numpy as np
import torch

from xnorc.errors import LowerError
from xnorc.lower.graph.ops import dtype_of, shape_of
from xnorc.lower.graph.pixels import preprocess
from xnorc.lower.graph.source import Source, canonical, program_shape
from xnorc.lower.lowering import Lowering
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


def lower_input(lowering: Lowering) -> Source:
    """The placeholder as a source over uint8, with the exact float of every pixel value."""
    graph, builder = lowering.graph, lowering.builder
    node, options = graph.input, graph.options
    shape = shape_of(node)
    ch = shape[1] if len(shape) == 4 else 1
    pixels = torch.arange(256, dtype=torch.uint8)[:, None].expand(256, ch)
    table = preprocess(pixels, options).to(dtype_of(node))
    mean = np.broadcast_to(np.asarray(options.mean or 0.0, np.float64), (ch,))
    std = np.broadcast_to(np.asarray(options.std or 1.0, np.float64), (ch,))
    elements = int(np.prod(shape))
    channel = np.repeat(np.arange(ch), elements // ch)
    return Source(
        node=node,
        tensor=builder.input,
        at=canonical(shape),
        scale=(1 / (255 * std))[channel],
        offset=(-mean / std)[channel],
        low=np.zeros(elements, np.int64),
        high=np.full(elements, 255),
        noise=np.zeros(elements),
        table=table,
        kind_of=channel,
    )
