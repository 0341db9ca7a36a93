# SPDX-License-Identifier: Apache-2.0
"""From the positions a dot reads to a window on a program tensor.

A convolution's input may already carry pads of its own (an explicit `F.pad`, replicated or mirrored edges, a
constant +-1), may be routed (channels shuffled, rows and columns subsampled), or may be a flattened map.  What it
reads is known element by element; here it is recognised as one of the windows a kernel has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import fx

from xnorc.lower.dots.operand import Operand
from xnorc.lower.graph.ops import argument, aten, is_call, shape_of
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import routed
from xnorc.program import Kind, Tensor, Window


@dataclass(frozen=True, eq=False)
class Geometry:
    """A dot as a convolution over `tensor`.

    Attributes:
        tensor: what it reads.
        window: with pads of every origin merged.
        groups: channel groups.
        order: int64 (in_ch,), channel of the tensor for each input channel of the float weights; for a linear
            layer over a whole map (h * w * ch,), flat (h, w, ch) index for each of its inputs.
        covers: the dot is a linear layer whose kernel covers the map.
        constant_pads: the pads are part of the sum (a constant bit, replicated, mirrored), not skipped.
    """

    tensor: Tensor
    window: Window
    groups: int
    order: np.ndarray
    covers: bool
    constant_pads: bool


def geometry(lowering: Lowering, node: fx.Node, x: Operand) -> Geometry:
    """The window of a conv2d or linear node reading operand `x`."""
    if is_call(node, {aten.linear.default}):
        return _linear(lowering, node, x)
    return _conv(lowering, node, x)


def _linear(lowering: Lowering, node: fx.Node, x: Operand) -> Geometry:
    shape = shape_of(x.node)
    features, rows = shape[-1], int(np.prod(shape[:-1]))
    h, w, ch = x.tensor.shape
    if rows == 1:
        tensor, at = (
            (x.tensor, x.at)
            if sorted(x.at) == list(range(x.tensor.size))
            else routed(lowering, node, x.tensor, x.at, (1, 1, features))
        )
        h, w, _ = tensor.shape
        return Geometry(tensor, Window(kh=h, kw=w), 1, at, True, False)
    tensor, at = x.tensor, x.at
    if (h, w, ch) != (rows, 1, features) or not (at == np.arange(len(at))).all():
        tensor, at = routed(lowering, node, tensor, at, (rows, 1, features))
    return Geometry(tensor, Window(kh=1, kw=1), 1, np.arange(features), False, False)


def pair(value: object) -> tuple[int, int]:
    """A conv argument of one or two integers as (vertical, horizontal)."""
    both = [value, value] if isinstance(value, int) else list(value)  # type: ignore[call-overload]
    return (int(both[0]), int(both[-1]))


def conv_window(node: fx.Node) -> Window:
    """The window of a conv2d node's own arguments."""
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    kh, kw = shape_of(weight)[2:]
    stride, dilation = pair(argument(node, "stride")), pair(argument(node, "dilation"))
    plain = Window(kh=kh, kw=kw, stride_h=stride[0], stride_w=stride[1], dilation_h=dilation[0], dilation_w=dilation[1])
    padding = argument(node, "padding")
    if padding == "same":  # the odd row or column goes to the bottom and right
        total_h, total_w = (kh - 1) * dilation[0], (kw - 1) * dilation[1]
        return replace(
            plain,
            pad_top=total_h // 2,
            pad_left=total_w // 2,
            pad_bottom=total_h - total_h // 2,
            pad_right=total_w - total_w // 2,
        )
    vertical, horizontal = (0, 0) if padding == "valid" else pair(padding)
    return replace(plain, pad_top=vertical, pad_bottom=vertical, pad_left=horizontal, pad_right=horizontal)


def _conv(lowering: Lowering, node: fx.Node, x: Operand) -> Geometry:
    graph = lowering.graph
    window, groups = conv_window(node), int(argument(node, "groups"))
    _, ch, h, w = shape_of(x.node)
    at = x.at.reshape(ch, h, w)
    # Three steps: pads that an operation ahead has added come off; what is left must be the tensor, perhaps with its
    # channels in another order (their weights follow), or is moved into a tensor of its own; then the pads of both
    # kinds become one window, if they are of one kind.
    own = (window.pad_top, window.pad_left, window.pad_bottom, window.pad_right)
    inner, pads, mode = peel(at, x.tensor)
    tensor, routed_at = x.tensor, inner
    order = channel_order(inner, tensor)
    if order is None or (groups > 1 and not (order == np.arange(len(order))).all()):
        shape = (inner.shape[1], inner.shape[2], ch)
        tensor, _ = routed(lowering, node, tensor, routed_at.reshape(-1), shape, nchw=True)
        order = np.arange(ch)
    total = [a + b for a, b in zip(own, pads, strict=True)]
    # Counted pads are products like any other; skipped ones leave the sum out, and the node's offset, which differs at
    # the border, holds what they are worth.  A constant pad may be counted where it is what one of the two bits means.
    value, counted = 0, mode in ("replicate", "reflect")
    if mode == "constant":
        bit = constant_bit(x, at)
        if bit is not None and not any(own):
            value, counted = bit, True
        else:
            mode = "skip"  # what the pads add is a constant of the place: the offset map holds it
    if counted and any(own):
        raise graph.refuse(node, f"{mode} pads inside the zero pads of the convolution", "pads of one kind")
    window = replace(
        window,
        pad_top=total[0],
        pad_left=total[1],
        pad_bottom=total[2],
        pad_right=total[3],
        pad_mode=mode,
        pad_value=value,
    )
    return Geometry(tensor, window, groups, order, False, counted)


def peel(at: np.ndarray, tensor: Tensor) -> tuple[np.ndarray, tuple[int, int, int, int], str]:
    """Separate explicit pads from what they surround.

    Args:
        at: (ch, h, w), for each element that the dot reads its index in the tensor, -1 where it is a constant.

    Returns:
        (positions without the pads, pads top left bottom right, pad mode).
    """
    _, h, w = at.shape
    # Constant pads have no index.  What is left is the smallest rectangle around all that have one.
    inside = at >= 0
    if not inside.all() and inside.any():
        rows, cols = np.flatnonzero(inside.any((0, 2))), np.flatnonzero(inside.any((0, 1)))
        top, bottom, left, right = rows[0], rows[-1], cols[0], cols[-1]
        inner = at[:, top : bottom + 1, left : right + 1]
        return inner, (int(top), int(left), int(h - 1 - bottom), int(w - 1 - right)), "constant"
    # Replicated and mirrored pads are elements of the tensor, read again.  They are found by trying: pad the whole
    # tensor in either way by every split of the rows and columns that are too many, and compare.  Channels may be
    # permuted, so each is the tensor's channel that its first element belongs to.
    th, tw, _ = tensor.shape
    if (h, w) != (th, tw) and h >= th and w >= tw:
        whole = np.arange(tensor.size).reshape(tensor.shape).transpose(2, 0, 1)[at[:, 0, 0] % tensor.shape[2]]
        for mode in ("edge", "reflect"):
            for top in range(h - th + 1):
                for left in range(w - tw + 1):
                    spread = ((0, 0), (top, h - th - top), (left, w - tw - left))
                    if mode == "reflect" and max(top, h - th - top, left, w - tw - left) >= min(th, tw):
                        continue
                    if np.array_equal(np.pad(whole, spread, mode=mode), at):
                        name = "replicate" if mode == "edge" else "reflect"
                        return whole, (top, left, h - th - top, w - tw - left), name
    return at, (0, 0, 0, 0), "skip"


def channel_order(at: np.ndarray, tensor: Tensor) -> np.ndarray | None:
    """The channel permutation, if `at` (ch, h, w) is the whole tensor with its channels permuted; else None."""
    ch, h, w = at.shape
    if (h, w, ch) != tensor.shape:
        return None
    order = at[:, 0, 0]
    base = np.arange(h * w).reshape(h, w) * ch
    fits = (at == base[None] + order[:, None, None]).all() and sorted(order) == list(range(ch))
    return order if fits else None


def constant_bit(x: Operand, at: np.ndarray) -> int | None:
    """The bit that every pad element equals, if the tensor is bits and there is one.

    A bit q = -1 or +1 means slope q + offset, so a pad that is worth offset + slope is bit 1, offset - slope bit 0.
    """
    if x.tensor.kind is not Kind.BIT:
        return None
    pads, inner = (at < 0).reshape(-1), (at >= 0).reshape(-1)
    slope, offset = x.slope[inner], x.offset[inner]
    if len(np.unique(slope)) > 1 or len(np.unique(offset)) > 1 or len(np.unique(x.offset[pads])) > 1:
        return None
    distance = x.offset[pads][0] - offset[0]
    return 1 if distance == slope[0] else 0 if distance == -slope[0] else None


def output_channel(node: fx.Node) -> np.ndarray:
    """Output channel of every flat element of a dot."""
    shape = shape_of(node)
    if len(shape) == 4:
        return np.repeat(np.arange(shape[1]), shape[2] * shape[3])
    return np.tile(np.arange(shape[-1]), int(np.prod(shape[:-1])))


def arranged(weights: np.ndarray, where: Geometry) -> np.ndarray:
    """Float order (out, in, kh, kw) or (out, features) -> program order (out, kh, kw, in), inputs as the tensor
    has them."""
    moved = np.empty_like(weights)
    if weights.ndim == 4:
        moved[:, where.order if where.groups == 1 else np.arange(weights.shape[1])] = weights
        return np.ascontiguousarray(moved.transpose(0, 2, 3, 1))
    moved[:, where.order] = weights
    return np.ascontiguousarray(moved.reshape(len(weights), where.window.kh, where.window.kw, -1))
