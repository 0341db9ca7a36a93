# SPDX-License-Identifier: Apache-2.0
"""Programs whose channel sums ride on the node that writes their map."""

from __future__ import annotations

import numpy as np

from xnorc.program import Kind, Node, Program, Tensor, Window
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d

H, W, CH = 6, 5, 36
WIDE = {"low": -(2**15), "high": 2**15 - 1}


def affine(name: str, source: Tensor, kind: Kind, shift: int, low: int, high: int, reach: int = 2**30) -> Affine:
    """Random factors, one class of rows and columns."""
    rng = np.random.default_rng(len(name) + shift)
    h, w, ch = source.shape
    return Affine(
        name=name, inputs=(source.name,), output=Tensor(name, source.shape, kind), shift=shift, low=low, high=high,
        mul=rng.integers(-reach, reach, (1, 1, ch)).astype(np.int32), add=rng.integers(-(2**40), 2**40, (1, 1, ch)),
        rows=np.zeros(h, np.uint8), cols=np.zeros(w, np.uint8),
    )  # fmt: skip


def sums(name: str, source: Tensor, kind: Kind = Kind.I32, window: Window | None = None) -> SumPool2d:
    h, w, ch = source.shape
    window = window or Window(kh=h, kw=w)
    return SumPool2d(
        name=name, inputs=(source.name,), output=Tensor(name, (*window.out_hw(h, w), ch), kind), window=window
    )


def program_of(*nodes: Node) -> Program:
    """The nodes after a stem that writes an i32 map `stem`, and ten logits over the last, of bits."""
    rng = np.random.default_rng(1)
    stem = IConv2d(
        name="stem", inputs=("x",), output=Tensor("stem", (H, W, CH), Kind.I32), thresholds=None,
        weights=rng.integers(-127, 128, (CH, 3, 3, 3)).astype(np.int8),
        window=Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1),
    )  # fmt: skip
    last = nodes[-1].output
    logits = BConv2d(
        name="logits", inputs=(last.name,), output=Tensor("logits", (1, 1, 10), Kind.I32), thresholds=None,
        weights=(rng.integers(0, 2, (10, *last.shape)) * 2 - 1).astype(np.int8),
        window=Window(kh=last.shape[0], kw=last.shape[1]),
    )  # fmt: skip
    program = Program(
        name="riding", input=Tensor("x", (H, W, 3), Kind.U8), nodes=(stem, *nodes, logits), output="logits"
    )
    program.verify()
    return program


def everything() -> Program:
    """Sums behind every op that carries them, of both kinds, one map with two of them, thresholds from the last."""
    rng = np.random.default_rng(2)
    a = affine("a", Tensor("stem", (H, W, CH), Kind.I32), Kind.I16, 33, **WIDE)
    b = PRelu(
        name="b", inputs=("a",), output=Tensor("b", (H, W, CH), Kind.I16), **WIDE,
        slope=rng.integers(-4096, 4096, CH).astype(np.int16), before=rng.integers(-99, 99, CH).astype(np.int32),
        after=rng.integers(-99, 99, CH).astype(np.int32),
    )  # fmt: skip
    c = Add(name="c", inputs=("a", "b"), output=Tensor("c", (H, W, CH), Kind.I16), **WIDE)
    half = Window(kh=2, kw=2, stride_h=2, stride_w=2)
    m = MaxPool2d(name="m", inputs=("c",), output=Tensor("m", (H // 2, W // 2, CH), Kind.I16), window=half)
    d = affine("d", m.output, Kind.I16, 31, -99, 99)
    pool_c = sums("sums_c", c.output)
    t = affine("t", pool_c.output, Kind.I32, 30, -(2**20), 2**20)
    bits = Compare(
        name="bits", inputs=("c", "t"), output=Tensor("bits", (H, W, CH), Kind.BIT),
        flip=rng.integers(0, 2, CH).astype(bool),
    )  # fmt: skip
    return program_of(
        *(a, b, sums("sums_a", a.output), c, sums("sums_b", b.output), m, pool_c, sums("again_c", c.output)),
        *(d, sums("sums_m", m.output), sums("sums_d", d.output, Kind.I16), t, bits),
    )
