# SPDX-License-Identifier: Apache-2.0
"""What the builders of several nodes draw from a case's fields: windows, thresholds, scales, weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from xnorc.program import ALWAYS, NEVER, Kind, Node, Requant, Tensor, Thresholds, Window, from_map

Fields = dict[str, Any]
Rng = np.random.Generator
Built = tuple[Node, tuple[Tensor, ...]]


def pair(value: Any) -> tuple[int, int]:
    both = [int(v) for v in str(value).split("x")]
    return both[0], both[-1]


def window_of(f: Fields, kernel: str = "1x1") -> Window:
    (kh, kw), (sh, sw), (dh, dw) = (pair(f.get(k, d)) for k, d in (("kernel", kernel), ("stride", 1), ("dilation", 1)))
    pads = [int(v) for v in str(f.get("pad", 0)).split(",")]
    top, left, bottom, right = pads if len(pads) == 4 else pads * 4
    return Window(
        kh=kh, kw=kw, stride_h=sh, stride_w=sw, dilation_h=dh, dilation_w=dw,
        pad_top=top, pad_left=left, pad_bottom=bottom, pad_right=right,
        pad_mode=f.get("pad_mode", "skip"), pad_value=f.get("pad_value", 0),
    )  # fmt: skip


def thresholds(kind: str, shape: tuple[int, int, int], low: int, high: int, rng: Rng) -> Thresholds:
    """Thresholds for values low..high; flips are always mixed."""
    h, w, ch = shape
    flip = rng.integers(0, 2, ch).astype(bool)
    thr2 = None
    if kind == "map":
        thr = rng.integers(low, high + 2, shape)
    elif kind == "tile":
        tile = rng.integers(low, high + 2, (2, 3, ch))
        thr = tile[np.arange(h) % 2][:, np.arange(w) % 3]
    else:
        flat = rng.integers(low, high + 2, ch)
        if kind == "extremes":
            ends = [low - 1, low, low + 1, high - 1, high, high + 1, ALWAYS, NEVER, 0, 1, -1]
            flat = np.array([ends[c % len(ends)] for c in range(ch)])
        elif kind == "never_always":
            flat = np.where(np.arange(ch) % 2, NEVER, ALWAYS)
        thr = np.broadcast_to(flat, shape)
        if kind == "interval":
            width = rng.integers(-1, high - low, ch)  # -1 and 0 leave it empty
            thr2 = np.broadcast_to(np.where(np.arange(ch) % 4 == 3, NEVER, flat + width), shape)
    return from_map(thr, flip, thr2)


def conv_fields(f: Fields, rng: Rng, kind: Kind, weights: np.ndarray, low: int, high: int) -> tuple[Tensor, Fields]:
    """What both convolutions share: the input tensor and the fields but weights."""
    x = Tensor("x", (f["h"], f["w"], weights.shape[3] * f.get("groups", 1)), kind)
    window = window_of(f, f"{weights.shape[1]}x{weights.shape[2]}")
    shape = (*window.out_hw(f["h"], f["w"]), weights.shape[0])
    bits = "out" not in f or f["out"] == "bit"
    return x, {
        "name": "conv",
        "inputs": ("x",),
        "output": Tensor("y", shape, Kind.BIT if bits else Kind(f["out"])),
        "weights": weights,
        "window": window,
        "groups": f.get("groups", 1),
        "thresholds": thresholds(f.get("thr", "random"), shape, low, high, rng) if bits else None,
    }


def signs(rng: Rng, *shape: int) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def requant(how: str, shift: int, reach: int, output: Tensor, rng: Rng) -> Requant:
    """For sums within +-4 reach.  `channels`: numbers of their own, some of which saturate; `alike`: one scale, rounded
    to nearest; `clipped`: within the middle half; `ends`: the greatest constants that 64 bits, and 32 once shifted,
    allow."""
    ch, (least, most) = output.shape[2], output.kind.range
    room = min(2**63, 2 ** (31 + shift)) - 2 ** (shift + 1)  # for 4 reach * mul + add
    scale = min(max(1, (most << shift) // reach), room // (8 * reach), 2**31 - 1)
    mul = np.full(ch, scale, np.int64)
    add = np.full(ch, 1 << shift >> 1, np.int64)
    if how == "channels":
        mul = rng.integers(-scale, scale, ch, endpoint=True)
        most_add = min(most << shift, room) // 4
        add = rng.integers(-most_add, most_add, ch, endpoint=True)
    elif how == "ends":
        big = min(2**31 - 1, room // (4 * reach))
        mul = np.where(np.arange(ch) % 2, big, -big)
        add = np.where(np.arange(ch) % 4 < 2, 1, -1) * (room - 4 * reach * big)
    low, high = (least // 2, most // 2) if how == "clipped" else (least, most)
    return Requant(mul=mul.astype(np.int32), add=add, shift=shift, low=low, high=high)


def pool_fields(f: Fields, kind: Kind, out: Kind) -> tuple[Tensor, Fields]:
    x = Tensor("x", (f["h"], f["w"], f["ch"]), kind)
    window = window_of(f, "2x2")
    shape = (*window.out_hw(f["h"], f["w"]), f["ch"])
    return x, {"name": "pool", "inputs": ("x",), "output": Tensor("y", shape, out), "window": window}


def streams(f: Fields, count: int) -> tuple[list[Tensor], Tensor, int, int]:
    kinds = [Kind(f.get(key, "i16")) for key in ("in", "in_b")[:count]]
    shape = (f["h"], f["w"], f["ch"])
    out = Kind(f.get("out", "i16"))
    low, high = f.get("low", out.range[0]), f.get("high", out.range[1])
    return (
        [Tensor(name, shape, kind) for name, kind in zip("ab", kinds, strict=False)],
        Tensor("y", shape, out),
        low,
        high,
    )
