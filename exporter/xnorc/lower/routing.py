# SPDX-License-Identifier: Apache-2.0
"""Bring elements into the place a kernel wants them: channel routes and subsampling become a Gather."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.source import canonical
from xnorc.lower.state import Lowering
from xnorc.program import Tensor
from xnorc.program.nodes.gather import ZERO, Gather


def routed(
    lowering: Lowering, node: fx.Node, tensor: Tensor, at: np.ndarray, shape: tuple[int, int, int], nchw: bool = False
) -> tuple[Tensor, np.ndarray]:
    """One tensor's elements `at` as a tensor of `shape`; see `assembled`."""
    return assembled(lowering, node, [tensor], np.zeros(len(at), np.int64), at, shape, nchw)


def assembled(
    lowering: Lowering,
    node: fx.Node,
    tensors: list[Tensor],
    which: np.ndarray,
    at: np.ndarray,
    shape: tuple[int, int, int],
    nchw: bool = False,
) -> tuple[Tensor, np.ndarray]:
    """A tensor of `shape` whose element e is element `at[e]` of `tensors[which[e]]` (0 where at is -1), and where
    e lies in it.

    Elements are numbered in (h, w, ch) order, or in (ch, h, w) order with `nchw`.

    Raises:
        LowerError: the moves are not channel routes over a regular grid of pixels.
    """
    h, w, ch = shape
    place = canonical((1, ch, h, w)) if nchw else np.arange(len(at))
    from_tensor, from_at = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    from_tensor[place], from_at[place] = which, at
    from_tensor, from_at = from_tensor.reshape(shape), from_at.reshape(shape)
    if len(tensors) == 1 and tensors[0].shape == shape and (from_at.reshape(-1) == np.arange(len(at))).all():
        return tensors[0], place
    step = _step(tensors[0], shape)
    source, channel = np.full(ch, ZERO, np.uint8), np.zeros(ch, np.uint16)
    for c in range(ch):
        if (from_at[:, :, c] < 0).all():
            continue
        source[c] = from_tensor[0, 0, c]
        tensor = tensors[source[c]]
        channel[c] = from_at[0, 0, c] % tensor.shape[2]
        grid = np.arange(tensor.size).reshape(tensor.shape)[:: step[0], :: step[1], channel[c]]
        if grid.shape != (h, w) or (grid != from_at[:, :, c]).any() or (from_tensor[:, :, c] != source[c]).any():
            raise lowering.refuse(
                node,
                f"elements of {tensor.name} are moved across the map in a way no kernel does",
                "permuted channels, x[:, :, ::2, ::2], a flattened map ahead of a linear layer",
            )
    kind, scale = tensors[0].kind, tensors[0].scale
    output = lowering.tensor(f"{lowering.layer(node)}_routed", shape, kind, scale)
    inputs = tuple(t.name for t in tensors)
    lowering.emit(
        Gather(
            name=lowering.layer(node),
            inputs=inputs,
            output=output,
            source=source,
            channel=channel,
            step_h=step[0],
            step_w=step[1],
        )
    )
    return output, place


def _step(tensor: Tensor, shape: tuple[int, int, int]) -> tuple[int, int]:
    """The subsampling that takes the tensor's height and width to those wanted."""
    steps = [
        next((s for s in range(1, size + 1) if -(-size // s) == want), 1)
        for size, want in zip(tensor.shape[:2], shape[:2], strict=True)
    ]
    return steps[0], steps[1]
