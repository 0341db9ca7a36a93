# SPDX-License-Identifier: Apache-2.0
"""Bring elements into the place a kernel wants them.

Channel routes, crops and subsampling are a Gather; other regular moves (maps as tokens, transposes) are a Permute.
Replicated or mirrored edges that no window can take over (because zero pads lie around them, or part of them is cropped
away) are made by a depthwise convolution of weights 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.errors import LowerError
from xnorc.lower.builder import Builder
from xnorc.lower.graph.graph import layer_of
from xnorc.lower.graph.source import canonical
from xnorc.lower.lowering import Lowering
from xnorc.program import Kind, Tensor, Thresholds, Window
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.gather import ZERO, Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.permute import Permute

MOST_PAD = 8  # rows or columns of replicated or mirrored edge that are tried

Shape = tuple[int, int, int]


def routed(
    lowering: Lowering, node: fx.Node, tensor: Tensor, at: np.ndarray, shape: Shape, nchw: bool = False
) -> tuple[Tensor, np.ndarray]:
    """One tensor's elements `at` as a tensor of `shape`; see `assembled`."""
    return assembled(lowering, node, [tensor], np.zeros(len(at), np.int64), at, shape, nchw)


def assembled(
    lowering: Lowering,
    node: fx.Node,
    tensors: list[Tensor],
    which: np.ndarray,
    at: np.ndarray,
    shape: Shape,
    nchw: bool = False,
) -> tuple[Tensor, np.ndarray]:
    """A tensor of `shape` whose element e is element `at[e]` of `tensors[which[e]]`, 0 where at is -1.

    Elements are numbered in (h, w, ch) order, or in (ch, h, w) order with `nchw`.

    Returns:
        the tensor, and where each element e lies in it.

    Raises:
        LowerError: the moves are not channel routes over a regular grid of pixels.
    """
    made = tried(lowering, node, tensors, which, at, shape, nchw)
    if isinstance(made, LowerError):
        raise made
    return made


def tried(
    lowering: Lowering,
    node: fx.Node,
    tensors: list[Tensor],
    which: np.ndarray,
    at: np.ndarray,
    shape: Shape,
    nchw: bool = False,
) -> tuple[Tensor, np.ndarray] | LowerError:
    """What `assembled` returns; where no kernel does these moves the error that says so, and nothing is emitted."""
    h, w, ch = shape
    place = canonical((1, ch, h, w)) if nchw else np.arange(len(at))
    from_tensor, from_at = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    from_tensor[place], from_at[place] = which, at
    from_tensor, from_at = from_tensor.reshape(shape), from_at.reshape(shape)
    graph, builder = lowering.graph, lowering.builder
    if len(tensors) == 1 and tensors[0].shape == shape and (from_at.reshape(-1) == np.arange(len(at))).all():
        return tensors[0], place
    routes = [_route(from_tensor[:, :, c], from_at[:, :, c], tensors) for c in range(ch)]
    # A Gather reads all its channels over one grid; channels of zeros have none and go with any.
    grids = {route.grid for route in routes if route is not None and route.grid is not None}
    zeros = any(route is not None and route.source == ZERO for route in routes)
    irregular = None in routes or len(grids) != 1
    if irregular and len(tensors) == 1 and (steps := regular_steps(from_at)) is not None:
        return _permuted(builder, node, tensors[0], shape, steps), place
    if irregular or (zeros and tensors[0].kind is Kind.BIT):  # a bit of 0 is -1
        return graph.refuse(
            node,
            f"elements of {tensors[0].name} are moved across the map in a way no kernel does",
            "permuted channels, crops, x[:, :, ::2, ::2], a flattened map ahead of a linear layer",
        )
    rows, cols = grids.pop()
    tensors = [_edged(builder, node, tensor, rows, cols) for tensor in tensors]
    picks = [route for route in routes if route is not None]
    source = np.array([route.source for route in picks], np.uint8)
    channel = np.array([route.channel for route in picks], np.uint16)
    # With its edges made, the tensor may already be what was wanted.
    whole = len(tensors) == 1 and tensors[0].shape == shape and rows.plain and cols.plain
    if whole and (channel == np.arange(ch)).all() and (source == 0).all():
        return tensors[0], place
    output = builder.tensor(f"{layer_of(node)}_routed", shape, tensors[0].kind, tensors[0].scale)
    builder.emit(
        Gather(
            name=layer_of(node),
            inputs=tuple(t.name for t in tensors),
            output=output,
            source=source,
            channel=channel,
            step_h=rows.step,
            step_w=cols.step,
            top=rows.start,
            left=cols.start,
        )
    )
    return output, place


def regular_steps(at: np.ndarray) -> tuple[int, int, int, int] | None:
    """(start, steps along each of the three axes) where at[i, j, k] is a start plus a step for each axis; else None."""
    start = int(at[0, 0, 0])
    i, j, k = (int(np.take(at, 1, axis)[0, 0]) - start if at.shape[axis] > 1 else 0 for axis in range(3))
    rows, cols, deep = np.ogrid[: at.shape[0], : at.shape[1], : at.shape[2]]
    regular = min(start, i, j, k) >= 0 and (at == start + rows * i + cols * j + deep * k).all()
    return (start, i, j, k) if regular else None


def _permuted(
    builder: Builder, node: fx.Node, tensor: Tensor, shape: tuple[int, int, int], steps: tuple[int, int, int, int]
) -> Tensor:
    output = builder.tensor(f"{layer_of(node)}_permuted", shape, tensor.kind, tensor.scale)
    start, step_y, step_x, step_c = steps
    return builder.emit(
        Permute(
            name=layer_of(node),
            inputs=(tensor.name,),
            output=output,
            start=start,
            step_y=step_y,
            step_x=step_x,
            step_c=step_c,
        )
    )


@dataclass(frozen=True)
class Axis:
    """How one axis is read: `before` and `after` places of edge (`mode` "edge" or "reflect") are added, then
    places start, start + step, ... are taken."""

    mode: str
    before: int
    after: int
    start: int
    step: int

    @property
    def plain(self) -> bool:
        """Nothing is left for a Gather to do along this axis."""
        return self.start == 0 and self.step == 1


@dataclass(frozen=True)
class Route:
    """Where one output channel comes from; grid is None for a channel of zeros."""

    source: int
    channel: int
    grid: tuple[Axis, Axis] | None


def _route(from_tensor: np.ndarray, from_at: np.ndarray, tensors: list[Tensor]) -> Route | None:
    """One channel's (h, w) origins as a route; None where there is none.

    A route takes one channel of one tensor, at rows[y] and cols[x] of it: rows must not depend on x, nor cols on y.
    """
    if (from_at < 0).all():
        return Route(ZERO, 0, None)
    source = int(from_tensor[0, 0])
    h, w, ch = tensors[source].shape
    if (from_at < 0).any() or (from_tensor != source).any() or (from_at % ch != from_at[0, 0] % ch).any():
        return None
    pixel = from_at // ch
    rows, cols = pixel[:, 0] // w, pixel[0] % w
    if (pixel != rows[:, None] * w + cols[None, :]).any():
        return None
    for mode in ("edge", "reflect"):  # one for both axes: a window pads all around in one way
        grid = _axis(rows, h, mode), _axis(cols, w, mode)
        if grid[0] is not None and grid[1] is not None:
            return Route(source, int(from_at[0, 0] % ch), (grid[0], grid[1]))
    return None


def _axis(wanted: np.ndarray, size: int, mode: str) -> Axis | None:
    """The least edge that makes `wanted` a regular walk.

    Tried in order: no edge, one place behind, two, ..., then one place ahead, and so on.  With an edge ahead the walk
    begins at its first place, since an edge of which nothing is read would not be the least.  Steps are 1, the distance
    of the first two places, 2 (their distance may be 0 within an edge), and the size (a single place needs none).
    """
    steps = [int(wanted[1] - wanted[0])] if len(wanted) > 1 and wanted[1] > wanted[0] else []
    for before in range(min(MOST_PAD, size) + 1):
        for after in range(min(MOST_PAD, size) + 1):
            if mode == "reflect" and max(before, after) >= size:
                continue
            padded = np.pad(np.arange(size), (before, after), mode=mode)  # type: ignore[call-overload]
            for step in dict.fromkeys([1, *steps, 2, size]):
                for start in range(len(padded) if before == 0 else 1):
                    if np.array_equal(padded[start::step][: len(wanted)], wanted):
                        return Axis(mode if before or after else "edge", before, after, start, step)
    return None


def _edged(builder: Builder, node: fx.Node, tensor: Tensor, rows: Axis, cols: Axis) -> Tensor:
    """The tensor with its edges replicated or mirrored, by a convolution that multiplies each element by 1."""
    if not any((rows.before, rows.after, cols.before, cols.after)):
        return tensor
    h, w, ch = tensor.shape
    mirrored = any(axis.mode == "reflect" and (axis.before or axis.after) for axis in (rows, cols))
    window = Window(
        kh=1,
        kw=1,
        pad_top=rows.before,
        pad_bottom=rows.after,
        pad_left=cols.before,
        pad_right=cols.after,
        pad_mode="reflect" if mirrored else "replicate",
    )
    shape = (*window.out_hw(h, w), ch)
    layer, ones = layer_of(node), np.ones((ch, 1, 1, 1), np.int8)
    if tensor.kind is not Kind.BIT:
        kind = Kind.I32 if tensor.kind is Kind.I32 else Kind.I16
        output = builder.tensor(f"{layer}_edged", shape, kind, tensor.scale)
        return builder.emit(
            IConv2d(name=layer, inputs=(tensor.name,), output=output, weights=ones, window=window, groups=ch)
        )
    zero = Thresholds(  # bit = (the one product, -1 or +1, >= 0)
        thr=np.zeros((1, 1, ch), np.int32),
        flip=np.zeros(ch, bool),
        rows=np.zeros(shape[0], np.uint8),
        cols=np.zeros(shape[1], np.uint8),
    )
    output = builder.tensor(f"{layer}_edged", shape, Kind.BIT)
    return builder.emit(
        BConv2d(
            name=layer, inputs=(tensor.name,), output=output, weights=ones, window=window, groups=ch, thresholds=zero
        )
    )
