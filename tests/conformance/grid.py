# SPDX-License-Identifier: Apache-2.0
"""tests/cases/<op>.toml -> conformance vectors.

A file has a `seed` and `[[case]]` tables.  A field whose value is a list expands the case to one vector per element;
several such fields give their product.  Fields not given take the defaults of the op's builder below.

    h, w, in_ch, out_ch, groups    numbers
    kernel, stride, dilation       "3x2" (height x width) or a number for both
    pad                            "top,left,bottom,right" or a number for all
    pad_mode, pad_value            as in Window
    in, out                        kinds: bit, u8, i8, i16, i32
    thr                            random | extremes | interval | tile | map | never_always
    requant, shift                 channels | alike | clipped | ends: of iconv2d
    data                           random | lowest | highest | close | ends: the inputs' values
    within                         number: the inputs' values lie within +- this, as far as their kinds reach
"""

from __future__ import annotations

import itertools
import tomllib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xnorc.program import ALWAYS, NEVER, Kind, Node, Requant, Tensor, Thresholds, Window, from_map
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.bmatmul import BMatMul
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.gather import ZERO, Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.mix import Mix
from xnorc.program.nodes.permute import Permute
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.table import Table
from xnorc.program.nodes.threshold import Threshold
from xnorc.render.vectors import Vector

CASES = Path(__file__).resolve().parents[1] / "cases"
Fields = dict[str, Any]
Rng = np.random.Generator
Built = tuple[Node, tuple[Tensor, ...]]


def ops() -> list[str]:
    """Every op that has a cases file."""
    return sorted(path.stem for path in CASES.glob("*.toml"))


def vectors(op: str) -> list[Vector]:
    """Every vector of tests/cases/<op>.toml, verified; equal on every machine."""
    document = tomllib.loads((CASES / f"{op}.toml").read_text())
    return [
        _vector(op, name, fields, int(document["seed"])) for case in document["case"] for name, fields in _expand(case)
    ]


def everything() -> list[Vector]:
    """The vectors of all ops, in order."""
    return [vector for op in ops() for vector in vectors(op)]


def _expand(case: Fields) -> Iterator[tuple[str, Fields]]:
    lists = {key: value for key, value in case.items() if isinstance(value, list)}
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        parts = [str(case["name"]), *(f"{key}={value}" for key, value in chosen.items())]
        yield "/".join(parts), {**case, **chosen}


def _vector(op: str, name: str, fields: Fields, seed: int) -> Vector:
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])  # a case added elsewhere changes no other
    node, tensors = BUILDERS[op](fields, rng)
    within = int(fields.get("within", 2**31))
    bounds = [(max(t.kind.range[0], -within), min(t.kind.range[1], within)) for t in tensors]
    node.verify(tensors, tuple(bounds))
    arrays = tuple(values(t, str(fields.get("data", "random")), b, rng) for t, b in zip(tensors, bounds, strict=True))
    return Vector(f"{op}/{name}", node, tensors, arrays)


def values(tensor: Tensor, data: str, bounds: tuple[int, int], rng: Rng) -> np.ndarray:
    """Input values (h, w, ch): random within the bounds, or near 0 (ties between inputs), or at its ends."""
    low, high = bounds
    if data == "lowest":
        return np.full(tensor.shape, low, tensor.kind.dtype)
    if data == "highest":
        return np.full(tensor.shape, high, tensor.kind.dtype)
    if data == "close":
        low, high = max(low, -2), min(high, 2)
    if data == "ends":
        ends = np.clip([low, low + 1, -129, -128, -1, 0, 1, 127, 128, 255, 256, high - 1, high], low, high)
        return rng.choice(ends, tensor.shape).astype(tensor.kind.dtype)
    return rng.integers(low, high, tensor.shape, endpoint=True).astype(tensor.kind.dtype)


def _pair(value: Any) -> tuple[int, int]:
    both = [int(v) for v in str(value).split("x")]
    return both[0], both[-1]


def _window(f: Fields, kernel: str = "1x1") -> Window:
    (kh, kw), (sh, sw), (dh, dw) = (_pair(f.get(k, d)) for k, d in (("kernel", kernel), ("stride", 1), ("dilation", 1)))
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


def _conv(f: Fields, rng: Rng, kind: Kind, weights: np.ndarray, low: int, high: int) -> tuple[Tensor, Fields]:
    """What both convolutions share: the input tensor and the fields but weights."""
    x = Tensor("x", (f["h"], f["w"], weights.shape[3] * f.get("groups", 1)), kind)
    window = _window(f, f"{weights.shape[1]}x{weights.shape[2]}")
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


def _signs(rng: Rng, *shape: int) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def bconv2d(f: Fields, rng: Rng) -> Built:
    """Random weights; thresholds within the dots, or beyond them where the case says so."""
    kh, kw = _pair(f.get("kernel", 1))
    weights = _signs(rng, f["out_ch"], kh, kw, f["in_ch"] // f.get("groups", 1))
    if f.get("weights") == "ones":
        weights = np.ones_like(weights)
    n = weights[0].size
    x, fields = _conv(f, rng, Kind.BIT, weights, -n, n)
    return BConv2d(**fields), (x,)


def iconv2d(f: Fields, rng: Rng) -> Built:
    """int8 weights, or +-1 (`weights = "signs"`), or `int16`, or all at an extreme (`weights = "127"`, or "32767").

    In int16 sums fit 32 bits only for small inputs (`within`) or small weights (`most`).

    With `per_group` the input channels of a group are given instead of the groups, and `out_ch` may be "in_ch".
    """
    if "per_group" in f:
        f = {**f, "out_ch": f["in_ch"], "groups": f["in_ch"] // f["per_group"]}
    kh, kw = _pair(f.get("kernel", 1))
    shape = (f["out_ch"], kh, kw, f["in_ch"] // f.get("groups", 1))
    how = f.get("weights", "int8")
    if how == "signs":
        weights = _signs(rng, *shape)
    elif how == "int8":
        weights = rng.integers(-127, 128, shape).astype(np.int8)
    elif how == "int16":
        most = int(f.get("most", 32767))
        weights = rng.integers(-most, most, shape, endpoint=True).astype(np.int16)
    else:
        weights = np.full(shape, int(how), np.int8 if abs(int(how)) < 128 else np.int16)
    kind = Kind(f.get("in", "u8"))
    widest = min(max(abs(b) for b in kind.range), int(f.get("within", 2**31)))
    reach = int(np.abs(weights.astype(int)).sum(axis=(1, 2, 3)).max()) * widest // 4 + 2
    x, fields = _conv(f, rng, kind, weights, -reach, reach)
    if "requant" in f:
        fields["requant"] = requant(str(f["requant"]), f.get("shift", 32), reach, fields["output"], rng)
    return IConv2d(**fields), (x,)


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


def bmatmul(f: Fields, rng: Rng) -> Built:
    """`heads` side by side on the channels; `layout` tokens sums over channels, transposed over the tokens of b."""
    heads, rows, cols, depth = f.get("heads", 1), f["rows"], f["cols"], f["depth"]
    a = Tensor("a", (rows, 1, heads * depth), Kind.BIT)
    if f.get("layout", "tokens") == "tokens":
        b, b_strides = Tensor("b", (cols, 1, heads * depth), Kind.BIT), (depth, heads * depth, 1)
    else:
        b, b_strides = Tensor("b", (depth, 1, heads * cols), Kind.BIT), (cols, 1, heads * cols)
    node = BMatMul(
        name="bmatmul", inputs=("a", "b"), groups=heads, rows=rows, cols=cols, depth=depth,
        output=Tensor("y", (rows, 1, heads * cols), Kind(f.get("out", "i16"))),
        a_start=0, a_group=depth, a_row=heads * depth, a_depth=1, a_low=f.get("a_low", -1),
        b_start=0, b_group=b_strides[0], b_col=b_strides[1], b_depth=b_strides[2], b_low=f.get("b_low", -1),
    )  # fmt: skip
    return node, (a, b)


def _pool(f: Fields, kind: Kind, out: Kind) -> tuple[Tensor, Fields]:
    x = Tensor("x", (f["h"], f["w"], f["ch"]), kind)
    window = _window(f, "2x2")
    shape = (*window.out_hw(f["h"], f["w"]), f["ch"])
    return x, {"name": "pool", "inputs": ("x",), "output": Tensor("y", shape, out), "window": window}


def bmaxpool2d(f: Fields, rng: Rng) -> Built:
    x, fields = _pool(f, Kind.BIT, Kind.BIT)
    return BMaxPool2d(**fields, flip=rng.integers(0, 2, f["ch"]).astype(bool)), (x,)


def maxpool2d(f: Fields, rng: Rng) -> Built:
    kind = Kind(f.get("in", "i16"))
    x, fields = _pool(f, kind, kind)
    return MaxPool2d(**fields), (x,)


def sumpool2d(f: Fields, rng: Rng) -> Built:
    x, fields = _pool(f, Kind(f.get("in", "i16")), Kind(f.get("out", "i32")))
    return SumPool2d(**fields), (x,)


def _streams(f: Fields, count: int) -> tuple[list[Tensor], Tensor, int, int]:
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


def add(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = _streams(f, 2)
    node = Add(
        name="add", inputs=("a", "b"), output=y, low=low, high=high,
        mul_a=f.get("mul_a", 1), mul_b=f.get("mul_b", 1), shift=f.get("shift", 0),
    )  # fmt: skip
    return node, tuple(tensors)


def affine(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = _streams(f, 1)
    h, w, ch = y.shape
    rows, cols = np.arange(h) % f.get("row_classes", 1), np.arange(w) % f.get("col_classes", 1)
    shape = (int(rows.max()) + 1, int(cols.max()) + 1, ch)
    reach = f.get("mul", 2**31 - 1)
    mul = rng.integers(-reach, reach, shape, endpoint=True).astype(np.int32)
    bias = f.get("add", 2**40)
    add = rng.integers(-bias, bias, shape, endpoint=True).astype(np.int64)
    if f.get("factors") == "ends":
        mul = rng.choice([-reach, -(2**16), -(2**16) + 1, -1, 0, 2**15, 2**16 - 1, reach], shape).astype(np.int32)
        add = rng.choice([-bias, -(2**16), -1, 0, 2**16 - 1, bias], shape).astype(np.int64)
    if f.get("factors") == "alike":
        mul, add = (np.ascontiguousarray(np.broadcast_to(a[..., :1], shape)) for a in (mul, add))
    node = Affine(
        name="affine", inputs=("a",), output=y, low=low, high=high, mul=mul, shift=f.get("shift", 0),
        add=add, rows=rows.astype(np.uint8), cols=cols.astype(np.uint8),
    )  # fmt: skip
    return node, tuple(tensors)


def mix(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = _streams(f, 2)
    h, w, ch = y.shape
    b = Tensor("b", (h, w, f.get("ch_b", ch)), tensors[1].kind)
    reach = 2**30
    mul_a, mul_b = (rng.integers(-reach, reach, ch, endpoint=True).astype(np.int32) for _ in range(2))
    node = Mix(
        name="mix", inputs=("a", "b"), output=y, low=low, high=high, mul_a=mul_a, mul_b=mul_b, shift=f.get("shift", 0)
    )
    return node, (tensors[0], b)


def prelu(f: Fields, rng: Rng) -> Built:
    tensors, y, low, high = _streams(f, 1)
    ch = y.shape[2]
    ends = np.arange(ch) % 3 - 1 if f.get("slopes") == "ends" else None
    slope = rng.integers(-(2**15), 2**15, ch) if ends is None else np.where(ends < 0, -(2**15), ends * (2**15 - 1))
    before, after = (rng.integers(-(2**15) + 1, 2**15, ch).astype(np.int32) for _ in range(2))
    if ends is not None:
        before = np.where(np.arange(ch) % 2, 2**15 - 1, -(2**15) + 1).astype(np.int32)
    node = PRelu(
        name="prelu", inputs=("a",), output=y, low=low, high=high,
        before=before, slope=slope.astype(np.int16), after=after,
    )  # fmt: skip
    return node, tuple(tensors)


def threshold(f: Fields, rng: Rng) -> Built:
    kind = Kind(f.get("in", "i16"))
    shape = (f["h"], f["w"], f["ch"])
    low, high = (max(-1000, kind.range[0]), min(1000, kind.range[1])) if kind is Kind.I32 else kind.range
    node = Threshold(
        name="threshold", inputs=("a",), output=Tensor("y", shape, Kind.BIT),
        thresholds=thresholds(f.get("thr", "random"), shape, low, high, rng),
    )  # fmt: skip
    return node, (Tensor("a", shape, kind),)


def compare(f: Fields, rng: Rng) -> Built:
    """`in` values against `thr` thresholds, both kinds; flips are mixed."""
    shape = (f["h"], f["w"], f["ch"])
    node = Compare(
        name="compare", inputs=("a", "t"), output=Tensor("y", shape, Kind.BIT),
        flip=rng.integers(0, 2, f["ch"]).astype(bool),
    )  # fmt: skip
    return node, (Tensor("a", shape, Kind(f["in"])), Tensor("t", (1, 1, f["ch"]), Kind(f["thr"])))


def table(f: Fields, rng: Rng) -> Built:
    """257 random values."""
    shape = (f["h"], f["w"], f["ch"])
    values = rng.integers(-(2**15), 2**15, 257).astype(np.int16)
    node = Table(name="table", inputs=("a",), output=Tensor("y", shape, Kind.I16), values=values)
    return node, (Tensor("a", shape, Kind.I16),)


def gather(f: Fields, rng: Rng) -> Built:
    """`sources` inputs of in_ch, in_ch + 1, .. channels; random routes, some constant 0; `crop` rows and columns."""
    sh, sw = _pair(f.get("step", 1))
    top, left, bottom, right = (int(v) for v in str(f.get("crop", "0,0,0,0")).split(","))
    height, width = f["h"] - top - bottom, f["w"] - left - right
    kind = Kind(f.get("in", "bit"))
    tensors = tuple(Tensor(f"x{i}", (f["h"], f["w"], f["in_ch"] + i), kind) for i in range(f.get("sources", 1)))
    source = rng.integers(0, len(tensors), f["ch"]).astype(np.uint8)
    channel = np.array([rng.integers(0, tensors[s].shape[2]) for s in source], np.uint16)
    source[rng.integers(0, 5, f["ch"]) == 0] = ZERO
    node = Gather(
        name="gather", inputs=tuple(t.name for t in tensors), source=source, channel=channel, step_h=sh, step_w=sw,
        output=Tensor("y", (-(-height // sh), -(-width // sw), f["ch"]), kind), top=top, left=left,
    )  # fmt: skip
    return node, tensors


def permute(f: Fields, rng: Rng) -> Built:
    """`order` names the input axes that become rows, columns, channels; "ccc" spreads a pixel; "tokens": (h*w, 1)."""
    h, w, ch = f["h"], f["w"], f["in_ch"]
    kind, start, order = Kind(f.get("in", "bit")), f.get("start", 0), f.get("order", "yxc")
    strides, sizes = {"y": w * ch, "x": ch, "c": 1}, {"y": h, "x": w, "c": ch}
    if order == "tokens":
        shape, steps = (h * w, 1, ch), (ch, 0, 1)
    elif order == "ccc":
        shape, steps = (h * w, ch, 1), (ch, 1, 0)
    else:
        y, x, c = order
        shape, steps = (sizes[y], sizes[x], sizes[c] - start), (strides[y], strides[x], strides[c])
    node = Permute(
        name="permute", inputs=("x",), output=Tensor("y", shape, kind),
        start=start, step_y=steps[0], step_x=steps[1], step_c=steps[2],
    )  # fmt: skip
    return node, (Tensor("x", (h, w, ch), kind),)


BUILDERS: dict[str, Callable[[Fields, Rng], Built]] = {
    builder.__name__: builder
    for builder in (
        *(add, affine, bconv2d, bmatmul, bmaxpool2d, compare, gather, iconv2d),
        *(maxpool2d, mix, permute, prelu, sumpool2d, table, threshold),
    )
}
