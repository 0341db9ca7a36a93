# SPDX-License-Identifier: Apache-2.0
"""Instructions of every kernel on emulated boards, as a table: a word (32 binary MACs) of a bconv2d, a MAC of an
iconv2d, an element of what works element by element.

    PYTHONPATH=exporter python -m tests.bench.kernels [core ...] [--layer NAME]

Counts come from QEMU's instruction counter through SysTick; they are exact and repeat.  Every result is checked
against numpy on the way.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xnorc.boards import Board, load
from xnorc.build import build_image
from xnorc.program import Kind, Node, Tensor, Window, from_map
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.threshold import Threshold
from xnorc.render.vectors import Vector, render_vectors
from xnorc.resources import folder
from xnorc.targets.qemu import Qemu

LAYERS = {  # name: (h, w, in_ch, out_ch, kernel, pad, kind of the output)
    "L1 3x3 64->64 16x16": (16, 16, 64, 64, 3, 1, Kind.BIT),
    "L1 to i16": (16, 16, 64, 64, 3, 1, Kind.I16),
    "L2 1x1 64->64 16x16": (16, 16, 64, 64, 1, 0, Kind.BIT),
    "L3 3x3 256->256 8x8": (8, 8, 256, 256, 3, 1, Kind.BIT),
    "L6 1024->256": (1, 1, 1024, 256, 1, 0, Kind.BIT),
    "D1 3x3 32->64 8x8": (8, 8, 32, 64, 3, 1, Kind.BIT),
}


def vector(name: str) -> Vector:
    """A layer with random weights, thresholds and input."""
    h, w, in_ch, out_ch, k, pad, kind = LAYERS[name]
    rng = np.random.default_rng(1)
    window = Window(kh=k, kw=k, pad_top=pad, pad_left=pad, pad_bottom=pad, pad_right=pad)
    weights = (rng.integers(0, 2, (out_ch, k, k, in_ch)) * 2 - 1).astype(np.int8)
    shape = (*window.out_hw(h, w), out_ch)
    thr = np.broadcast_to(rng.integers(-40, 40, out_ch), shape)
    node = BConv2d(
        name="bench", inputs=("x",), output=Tensor("y", shape, kind), weights=weights, window=window,
        thresholds=from_map(thr, rng.integers(0, 2, out_ch).astype(bool)) if kind is Kind.BIT else None,
    )  # fmt: skip
    x = Tensor("x", (h, w, in_ch), Kind.BIT)
    return Vector(name.replace(" ", "_"), node, (x,), (rng.integers(0, 2, x.shape).astype(np.uint8),))


def first_layer(how: str) -> Vector:
    """3x3 from 32x32x3 pixels to 64 bits, by int8 or +-1 weights."""
    rng = np.random.default_rng(1)
    window = Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    weights = rng.integers(-127, 128, (64, 3, 3, 3)) if how == "int8" else rng.integers(0, 2, (64, 3, 3, 3)) * 2 - 1
    thr = np.broadcast_to(rng.integers(-400, 400, 64), (32, 32, 64))
    node = IConv2d(
        name="bench", inputs=("x",), output=Tensor("y", (32, 32, 64), Kind.BIT), weights=weights.astype(np.int8),
        window=window, thresholds=from_map(thr, rng.integers(0, 2, 64).astype(bool)),
    )  # fmt: skip
    x = Tensor("x", (32, 32, 3), Kind.U8)
    return Vector(f"L7_first_{how}", node, (x,), (rng.integers(0, 256, x.shape).astype(np.uint8),))


def streams() -> list[Vector]:
    """A 16x16x64 stream through every op that works element by element."""
    rng = np.random.default_rng(1)
    h, w, ch = shape = (16, 16, 64)
    ends: dict[str, Any] = {"low": -(2**15), "high": 2**15 - 1}
    flip = rng.integers(0, 2, ch).astype(bool)
    classes: dict[str, Any] = {"rows": np.zeros(h, np.uint8), "cols": np.zeros(w, np.uint8)}
    thr = from_map(np.broadcast_to(rng.integers(-9999, 9999, ch), shape), flip)
    scales: dict[str, Any] = {
        "mul": rng.integers(2**30, 2**31, (1, 1, ch)).astype(np.int32),
        "add": rng.integers(0, 2**40, (1, 1, ch)),
    }
    shifts: dict[str, Any] = {key: rng.integers(-99, 99, ch).astype(np.int32) for key in ("before", "after")}
    slope = rng.integers(0, 2**12, ch).astype(np.int16)
    halves, whole = Window(kh=2, kw=2, stride_h=2, stride_w=2), Window(kh=h, kw=w)
    a, b, wide = Tensor("a", shape, Kind.I16), Tensor("b", shape, Kind.I16), Tensor("a", shape, Kind.I32)
    t = Tensor("t", (1, 1, ch), Kind.I32)
    bits, y = Tensor("y", shape, Kind.BIT), Tensor("y", shape, Kind.I16)
    half, sums = Tensor("y", (h // 2, w // 2, ch), Kind.I16), Tensor("y", (1, 1, ch), Kind.I32)
    nodes: list[tuple[str, Node, tuple[Tensor, ...]]] = [
        ("compare_i16", Compare(name="n", inputs=("a", "t"), output=bits, flip=flip), (a, t)),
        ("compare_i32", Compare(name="n", inputs=("a", "t"), output=bits, flip=flip), (wide, t)),
        ("threshold_i16", Threshold(name="n", inputs=("a",), output=bits, thresholds=thr), (a,)),
        ("threshold_i32", Threshold(name="n", inputs=("a",), output=bits, thresholds=thr), (wide,)),
        ("affine_i16", Affine(name="n", inputs=("a",), output=y, shift=27, **ends, **scales, **classes), (a,)),
        ("affine_i32", Affine(name="n", inputs=("a",), output=y, shift=38, **ends, **scales, **classes), (wide,)),
        ("add", Add(name="n", inputs=("a", "b"), output=y, **ends), (a, b)),
        (
            "prelu",
            PRelu(name="n", inputs=("a",), output=y, slope=slope, **shifts, **ends),
            (a,),
        ),
        ("maxpool2d", MaxPool2d(name="n", inputs=("a",), output=half, window=halves), (a,)),
        ("sumpool2d", SumPool2d(name="n", inputs=("a",), output=sums, window=whole), (a,)),
    ]  # fmt: skip
    found = []
    for name, node, tensors in nodes:
        arrays = (rng.integers(-20000, 20000, tensor.shape).astype(tensor.kind.dtype) for tensor in tensors)
        found.append(Vector(f"S_{name}", node, tensors, tuple(arrays)))
    return found


def work_of(vector: Vector) -> tuple[str, int]:
    """The unit that a vector's work is counted in, and how many there are."""
    if isinstance(vector.node, BConv2d):
        return "word", vector.node.macs(*vector.tensors) // 32
    if isinstance(vector.node, IConv2d):
        return "MAC", vector.node.macs(*vector.tensors)
    return "element", vector.tensors[0].size


def count(board: Board, vectors: list[Vector], out: Path) -> dict[str, int]:
    """Case name -> instructions of one call."""
    firmware = folder("firmware")
    out.mkdir(parents=True, exist_ok=True)
    (out / "vectors.h").write_text(render_vectors(vectors))
    sources = [firmware / "app" / "vectors.c", *sorted((firmware / "kernels").glob("*.c"))]
    target = Qemu(board)
    image = build_image(board, sources, out, defines={"PORT_SEMIHOSTING": 1}, name="bench")
    lines = []
    with target.open(image.elf, timeout=60) as stream:
        text = b""
        while b"done passed=" not in text or not text.endswith(b"\n"):
            piece = stream.read(1)
            if not piece:
                raise SystemExit(f"{board.name} stopped: {text[-300:]!r}")
            text += piece
        lines = text.decode().splitlines()
    for line in lines:
        if "status=fail" in line:
            raise SystemExit(line)
    found = (re.match(r"case name=(\S+) status=ok ticks=(\d+)", line) for line in lines)
    return {m[1]: target.count(int(m[2])) for m in found if m}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cores", nargs="*", default=["cortex-m4", "cortex-m0plus"], help="what gcc compiles for")
    parser.add_argument("--layer", help="only layers whose name contains this")
    args = parser.parse_args()
    vectors = [vector(name) for name in LAYERS] + [first_layer("int8"), first_layer("signs")] + streams()
    vectors = [v for v in vectors if not args.layer or args.layer in v.name]
    for core in args.cores:
        board = replace(load("mps2_an386"), core=core)  # an M4 runs what is compiled for the smaller cores
        with tempfile.TemporaryDirectory() as folder_:
            counts = count(board, vectors, Path(folder_))
        print(core)
        kernels = {f"{v.name}/{k.label}": (v, k) for v in vectors for k in v.kernels}
        for case, instructions in counts.items():
            v, k = kernels[case]
            unit, work = work_of(v)
            rate = instructions / work
            print(f"  {v.name:22} {k.label:26} {instructions:>11} {rate:8.2f} per {unit:7} scratch {k.scratch:>6}")


if __name__ == "__main__":
    main()
