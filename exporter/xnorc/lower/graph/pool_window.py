# SPDX-License-Identifier: Apache-2.0
"""The window of a pooling operation, and which elements fall into it."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.ops import argument, shape_of
from xnorc.program import Window


def pool_window(node: fx.Node) -> Window:
    """The window of a max_pool2d or avg_pool2d node; ceil mode as extra pads at the bottom and right."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    height, width = shape_of(source)[-2:]
    k = _pair(argument(node, "kernel_size"))
    s = _pair(argument(node, "stride") or k)
    p = _pair(argument(node, "padding"))
    has_dilation = "dilation" in str(node.target._schema)  # type: ignore[union-attr]
    d = _pair(argument(node, "dilation")) if has_dilation else (1, 1)
    out = shape_of(node)[-2:]
    bottom, right = (
        max(0, (o - 1) * st + (kk - 1) * dd + 1 - size - pp)
        for o, st, kk, dd, size, pp in zip(out, s, k, d, (height, width), p, strict=True)
    )
    return Window(
        kh=k[0],
        kw=k[1],
        stride_h=s[0],
        stride_w=s[1],
        dilation_h=d[0],
        dilation_w=d[1],
        pad_top=p[0],
        pad_left=p[1],
        pad_bottom=bottom,
        pad_right=right,
    )


def _pair(value: object) -> tuple[int, int]:
    both = [value, value] if isinstance(value, int) else list(value)  # type: ignore[call-overload]
    return int(both[0]), int(both[-1])


def window_pairs(window: Window, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All (pooled element, element it pools) of a map (1, ch, h, w), as two flat index arrays."""
    _, ch, h, w = shape
    rows, cols = window.rows(h), window.cols(w)
    out_h, out_w = len(rows), len(cols)
    index = np.where(
        (rows >= 0)[:, None, :, None] & (cols >= 0)[None, :, None, :],
        rows[:, None, :, None] * w + cols[None, :, None, :],
        -1,
    )
    index = index.reshape(out_h * out_w, -1)
    out = np.repeat(np.arange(out_h * out_w)[:, None], index.shape[1], 1)[index >= 0]
    inside = index[index >= 0]
    channel = np.arange(ch)[:, None]
    return (channel * out_h * out_w + out).reshape(-1), (channel * h * w + inside).reshape(-1)
