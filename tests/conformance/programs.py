# SPDX-License-Identifier: Apache-2.0
"""Random whole programs that verify: every op, every kind, joins, shared and dying tensors."""

from __future__ import annotations

import numpy as np

from tests.conformance.grid import BUILDERS, requant, thresholds
from xnorc.errors import ProgramError
from xnorc.program import Kind, Node, Program, Tensor, Window
from xnorc.program.nodes.add import Add
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.bmatmul import BMatMul
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.gather import Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.mix import Mix
from xnorc.program.nodes.permute import Permute
from xnorc.program.nodes.prelu import PRelu
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.table import Table
from xnorc.program.nodes.threshold import Threshold

STREAMS = (Kind.I8, Kind.I16)


class Grower:
    """Adds nodes one by one; each reads tensors that exist, the newest most often."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([77, seed])
        side = (int(self.rng.integers(3, 9)), int(self.rng.integers(3, 9)))
        self.input = Tensor("x", (*side, int(self.rng.choice([1, 3]))), Kind.U8)
        self.tensors = [self.input]
        self.bounds = {"x": (0, 255)}
        self.nodes: list[Node] = []

    def pick(self, *kinds: Kind) -> Tensor | None:
        """A tensor of one of the kinds."""
        fitting = [t for t in self.tensors if t.kind in kinds]
        if not fitting:
            return None
        return fitting[-1] if self.rng.random() < 0.6 else fitting[int(self.rng.integers(len(fitting)))]

    def accept(self, node: Node) -> bool:
        """Append the node if it verifies."""
        known = {t.name: t for t in self.tensors}
        try:
            if min(node.output.shape) < 1:
                return False
            bounds = node.verify(tuple(known[n] for n in node.inputs), tuple(self.bounds[n] for n in node.inputs))
        except ProgramError:
            return False
        self.nodes.append(node)
        self.tensors.append(node.output)
        self.bounds[node.output.name] = bounds
        return True

    def output(self, shape: tuple[int, int, int], kind: Kind) -> Tensor:
        return Tensor(f"t{len(self.nodes)}", shape, kind)

    def window(self, x: Tensor, pool: bool = False) -> Window:
        rng = self.rng
        kh, kw = (int(rng.integers(1, 4)) for _ in range(2))
        pads = [0] * 4 if rng.random() < 0.4 else [int(rng.integers(0, k)) for k in (kh, kw, kh, kw)]
        mode = "skip" if pool else str(rng.choice(["skip", "constant", "replicate", "reflect"]))
        return Window(
            kh=kh, kw=kw, stride_h=int(rng.integers(1, 3)), stride_w=int(rng.integers(1, 3)),
            pad_top=pads[0], pad_left=pads[1], pad_bottom=pads[2], pad_right=pads[3],
            pad_mode=mode, pad_value=int(rng.integers(0, 2)),
        )  # fmt: skip

    def step(self) -> bool:
        """Try one random node."""
        return bool(getattr(self, str(self.rng.choice(sorted(BUILDERS))))())

    def bconv2d(self) -> bool:
        if (x := self.pick(Kind.BIT)) is None:
            return False
        return self._conv(BConv2d, x, lambda *shape: self.rng.integers(0, 2, shape) * 2 - 1, 1)

    def iconv2d(self) -> bool:
        if (x := self.pick(Kind.U8, *STREAMS)) is None:
            return False
        return self._conv(IConv2d, x, lambda *shape: self.rng.integers(-127, 128, shape), 50 * 127)

    def bmatmul(self) -> bool:
        """All pixels by all pixels of one map, or its channels by its channels, all of it or a part."""
        if (x := self.pick(Kind.BIT)) is None:
            return False
        pixels, ch = x.shape[0] * x.shape[1], x.shape[2]
        (lines, line), (depth, step) = [(pixels, ch), (ch, 1)][:: 1 if self.rng.random() < 0.5 else -1]
        skip = int(self.rng.integers(0, depth))
        low = -int(self.rng.integers(0, 2)), -int(self.rng.integers(0, 2))
        rows, cols = min(lines, 24), min(lines, 40)
        return self.accept(
            BMatMul(name="bmatmul", inputs=(x.name, x.name), output=self.output((rows, 1, cols), Kind.I16),
                    groups=1, rows=rows, cols=cols, depth=depth - skip, a_start=skip * step, a_group=0, a_row=line,
                    a_depth=step, b_start=0, b_group=0, b_col=line, b_depth=step, a_low=low[0], b_low=low[1])
        )  # fmt: skip

    def _conv(self, cls: type, x: Tensor, draw: object, unit: int) -> bool:
        window = self.window(x)
        out_ch = int(self.rng.choice([4, 31, 32, 33, 64]))
        groups = 1 if self.rng.random() < 0.8 or x.shape[2] > 4 * out_ch else int(np.gcd(x.shape[2], out_ch))
        weights = draw(out_ch, window.kh, window.kw, x.shape[2] // groups).astype(np.int8)  # type: ignore[operator]
        shape = (*window.out_hw(*x.shape[:2]), out_ch)
        if min(shape) < 1:
            return False
        bits = self.rng.random() < 0.7
        kind = Kind.BIT if bits else (Kind.I16 if cls is BConv2d else Kind.I32)
        reach = max(1, weights[0].size * unit // 4)
        how = str(self.rng.choice(["random", "random", "interval", "tile", "extremes"]))
        thr = thresholds(how, shape, -reach, reach, self.rng) if bits else None
        more = {}
        if cls is IConv2d and not bits and self.rng.random() < 0.5:
            kind = Kind(str(self.rng.choice(["i8", "i16", "i16", "i32"])))
            how, shift = str(self.rng.choice(["channels", "alike", "clipped"])), int(self.rng.integers(16, 41))
            more["requant"] = requant(how, shift, 4 * reach, self.output(shape, kind), self.rng)
        return self.accept(
            cls(name="conv", inputs=(x.name,), output=self.output(shape, kind), weights=weights, window=window,
                groups=groups, thresholds=thr, **more)
        )  # fmt: skip

    def _pool(self, cls: type, kinds: tuple[Kind, ...], out: Kind | None, **more: object) -> bool:
        if (x := self.pick(*kinds)) is None:
            return False
        window = self.window(x, pool=True)
        shape = (*window.out_hw(*x.shape[:2]), x.shape[2])
        if cls is BMaxPool2d:
            more["flip"] = self.rng.integers(0, 2, x.shape[2]).astype(bool)
        return self.accept(
            cls(name="pool", inputs=(x.name,), output=self.output(shape, out or x.kind), window=window, **more)
        )

    def bmaxpool2d(self) -> bool:
        return self._pool(BMaxPool2d, (Kind.BIT,), None)

    def maxpool2d(self) -> bool:
        return self._pool(MaxPool2d, (Kind.U8, *STREAMS, Kind.I32), None)

    def sumpool2d(self) -> bool:
        return self._pool(SumPool2d, (Kind.BIT, Kind.U8, *STREAMS), Kind.I32)

    def add(self) -> bool:
        if (a := self.pick(*STREAMS)) is None:
            return False
        twins = [t for t in self.tensors if t.shape == a.shape and t.kind in STREAMS]
        b = twins[int(self.rng.integers(len(twins)))]
        low, high = a.kind.range
        return self.accept(
            Add(name="add", inputs=(a.name, b.name), output=self.output(a.shape, a.kind), low=low, high=high,
                mul_a=int(self.rng.integers(-9, 10)), mul_b=int(self.rng.integers(-9, 10)),
                shift=int(self.rng.integers(0, 5)))
        )  # fmt: skip

    def mix(self) -> bool:
        if (a := self.pick(*STREAMS, Kind.I32)) is None:
            return False
        h, w, ch = a.shape
        twins = [t for t in self.tensors if t.shape in (a.shape, (h, w, 1)) and t.kind in (*STREAMS, Kind.I32)]
        b = twins[int(self.rng.integers(len(twins)))]
        mul_a, mul_b = (self.rng.integers(-5000, 5000, ch).astype(np.int32) for _ in range(2))
        return self.accept(
            Mix(name="mix", inputs=(a.name, b.name), output=self.output(a.shape, Kind.I16), low=-(2**15),
                high=2**15 - 1, mul_a=mul_a, mul_b=mul_b, shift=int(self.rng.integers(0, 12)))
        )  # fmt: skip

    def affine(self, x: Tensor | None = None, kind: Kind = Kind.I16) -> bool:
        if x is None and (x := self.pick(*Kind)) is None:
            return False
        low, high = kind.range
        h, w, ch = x.shape
        mul = self.rng.integers(-5000, 5000, (1, 1, ch)).astype(np.int32)
        return self.accept(
            Affine(name="affine", inputs=(x.name,), output=self.output(x.shape, kind), low=low, high=high, mul=mul,
                   add=self.rng.integers(-(2**20), 2**20, (1, 1, ch)), shift=int(self.rng.integers(0, 12)),
                   rows=np.zeros(h, np.uint8), cols=np.zeros(w, np.uint8))
        )  # fmt: skip

    def permute(self) -> bool:
        if (x := self.pick(*Kind)) is None:
            return False
        h, w, ch = x.shape
        axes = self.rng.permutation([[h, w * ch], [w, ch], [ch, 1]])
        shape = (int(axes[0, 0]), int(axes[1, 0]), int(axes[2, 0]))
        return self.accept(
            Permute(name="permute", inputs=(x.name,), output=self.output(shape, x.kind), start=0,
                    step_y=int(axes[0, 1]), step_x=int(axes[1, 1]), step_c=int(axes[2, 1]))
        )  # fmt: skip

    def prelu(self) -> bool:
        if (x := self.pick(*STREAMS)) is None:
            return False
        ch = x.shape[2]
        return self.accept(
            PRelu(name="prelu", inputs=(x.name,), output=self.output(x.shape, x.kind), low=x.kind.range[0],
                  high=x.kind.range[1], slope=self.rng.integers(-8192, 8192, ch).astype(np.int16),
                  before=self.rng.integers(-99, 99, ch).astype(np.int32),
                  after=self.rng.integers(-99, 99, ch).astype(np.int32))
        )  # fmt: skip

    def threshold(self) -> bool:
        if (x := self.pick(Kind.U8, *STREAMS, Kind.I32)) is None:
            return False
        how = str(self.rng.choice(["random", "interval", "tile"]))
        low, high = self.bounds[x.name]
        thr = thresholds(how, x.shape, max(low, -(2**20)), min(high, 2**20), self.rng)
        return self.accept(
            Threshold(name="threshold", inputs=(x.name,), output=self.output(x.shape, Kind.BIT), thresholds=thr)
        )

    def compare(self) -> bool:
        """Against channel sums of the values themselves, or against any vector that fits."""
        if (x := self.pick(Kind.U8, *STREAMS, Kind.I32)) is None:
            return False
        h, w, ch = x.shape
        fitting = [t for t in self.tensors if t.shape == (1, 1, ch) and t.kind in (Kind.I16, Kind.I32)]
        if not fitting:
            total = SumPool2d(name="sums", inputs=(x.name,), output=self.output((1, 1, ch), Kind.I32),
                              window=Window(kh=h, kw=w))  # fmt: skip
            if not self.accept(total):
                return False
            fitting = [total.output]
        return self.accept(
            Compare(name="compare", inputs=(x.name, fitting[-1].name), output=self.output(x.shape, Kind.BIT),
                    flip=self.rng.integers(0, 2, ch).astype(bool))
        )  # fmt: skip

    def table(self) -> bool:
        if (x := self.pick(Kind.I16)) is None:
            if (wide := self.pick(*Kind)) is None or not self.affine(wide, Kind.I16):
                return False
            x = self.tensors[-1]
        values = self.rng.integers(-(2**15), 2**15, 257).astype(np.int16)
        return self.accept(Table(name="table", inputs=(x.name,), output=self.output(x.shape, Kind.I16), values=values))

    def gather(self) -> bool:
        if (x := self.pick(*Kind)) is None:
            return False
        alike = [t for t in self.tensors if t.shape[:2] == x.shape[:2] and t.kind is x.kind][-3:]
        step = int(self.rng.integers(1, 3))
        ch = int(self.rng.choice([3, 32, 40]))
        source = self.rng.integers(0, len(alike), ch).astype(np.uint8)
        channel = np.array([self.rng.integers(0, alike[s].shape[2]) for s in source], np.uint16)
        shape = (-(-x.shape[0] // step), -(-x.shape[1] // step), ch)
        return self.accept(
            Gather(name="gather", inputs=tuple(t.name for t in alike), output=self.output(shape, x.kind),
                   source=source, channel=channel, step_h=step, step_w=step)
        )  # fmt: skip

    def finish(self) -> Program:
        """A linear layer to ten logits over the newest tensor."""
        x = self.tensors[-1]
        if x.kind is not Kind.BIT:
            assert self.affine(x, Kind.I8)
            assert self.accept_threshold(self.tensors[-1])
            x = self.tensors[-1]
        h, w, ch = x.shape
        weights = (self.rng.integers(0, 2, (10, h, w, ch)) * 2 - 1).astype(np.int8)
        assert self.accept(
            BConv2d(name="logits", inputs=(x.name,), output=self.output((1, 1, 10), Kind.I32), weights=weights,
                    window=Window(kh=h, kw=w))
        )  # fmt: skip
        program = Program(name="random", input=self.input, nodes=tuple(self.nodes), output=self.nodes[-1].output.name)
        program.verify()
        return program

    def accept_threshold(self, x: Tensor) -> bool:
        thr = thresholds("random", x.shape, -100, 100, self.rng)
        return self.accept(
            Threshold(name="threshold", inputs=(x.name,), output=self.output(x.shape, Kind.BIT), thresholds=thr)
        )


def random_program(seed: int, nodes: int = 14) -> Program:
    """A verified program of about `nodes` nodes, the same for the same seed."""
    grower = Grower(seed)
    tries = 0
    while len(grower.nodes) < nodes and tries < 400:
        grower.step()
        tries += 1
    return grower.finish()
