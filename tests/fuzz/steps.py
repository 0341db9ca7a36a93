# SPDX-License-Identifier: Apache-2.0
"""Every tensor of a program against PyTorch, one step at a time, on the program's own values.

A program tensor stands for a node of the captured graph: element = scale q + offset (`Source`), or a bit (`BitSource`).
The graph is run once an image, and each such node's result is first compared with the tensor, then replaced by what
the tensor stands for.  So a node is computed from what the program computed one step before, and no error of an
earlier step is seen in a later one.  The bounds:

- a bit is the code that PyTorch's value equals: no slack;
- an exact sum is PyTorch's, but for float32;
- a stream is within one unit, or within what was rounded on the way from the tensors next before it (`_radius`);
- a dot of real weights w, stored as u, is off by at most max|w - u| times the sum of the |x| that it reads.  The
  program's notes promise max|w - u| as a share of the greatest |w| of the channel; it is held to that promise;
- what a stream holds must not saturate: the images are among those of the calibration.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import fx

import xnorc.lower as lowering
from xnorc.capture import Captured, Const, Finite, run
from xnorc.lower import Lowered, Options
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.graph.source import Source
from xnorc.lower.logits import without_softmax
from xnorc.lower.lowering import BitSource

# A node may stand in two tensors: its sums, and a stream made of them; or PyTorch reads it as it is, where a stream of
# it was made for another reader.  What reads it has read one of them: a result is right if it is right for one choice.
CHOICES = ("first", "last", "first origins", "last origins", "nothing")
SUM = 2.0**-21  # of the sum of the magnitudes: what float32 may add to a dot
FLOAT = 2.0**-18  # of the greatest value: what float32 may add to the result of a few operations
DOTS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding, torch.ops.aten.linear.default)


def unfused(captured: Captured, options: Options, name: str) -> Lowered:
    """`lower` before the passes over the program: no thresholds inside convolutions, every sum a tensor.

    Raises:
        XnorcError: as `lower`.
    """
    passes = lowering.PASSES
    lowering.PASSES = ()
    try:
        return lowering.lower(captured, options, name)
    finally:
        lowering.PASSES = passes


def steps_differ(made: Lowered, x: np.ndarray) -> list[str]:
    """What differs, a line a tensor; empty if nothing does."""
    return _Steps(made, x).found()


class _Steps:
    def __init__(self, made: Lowered, x: np.ndarray) -> None:
        self.made, self.x, self.program = made, x, made.program
        self.graph = made.captured.graph
        self.trace = self.program.trace(x)
        self.trace[self.program.input.name] = x
        known = self.program.tensors
        self.sources: dict[fx.Node, list[Source]] = defaultdict(list)
        self.bits: dict[fx.Node, list[BitSource]] = defaultdict(list)
        for source in made.sources:
            if source.tensor.name in known and source.node is not made.captured.input:
                self.sources[source.node].append(source)
        for bits in made.bits:
            if bits.tensor.name in known:
                self.bits[bits.node].append(bits)
        self.end = without_softmax(made.captured)
        self.made_by = {node.output.name: node for node in self.program.nodes}
        self.stood = {s.tensor.name for group in self.sources.values() for s in group}
        self.stood |= {b.tensor.name for group in self.bits.values() for b in group} | {self.program.input.name}
        self.wrong: dict[str, str] = {}

    def found(self) -> list[str]:
        for i in range(len(self.x)):
            wrong: dict[str, str] | None = None
            for choice in CHOICES:
                found = self._image(i, choice)
                wrong = found if wrong is None else {k: v for k, v in wrong.items() if k in found}
                if not wrong:
                    break
            for name, text in (wrong or {}).items():
                self.wrong.setdefault(name, f"{text}, image {i}")
        return list(self.wrong.values())

    def _chosen(self, node: fx.Node, choice: str) -> Source | None:
        """The tensor that takes a node's place, of those that it stands in; None leaves it as it is."""
        sources = self.sources.get(node, [])
        if not sources or choice == "nothing":
            return None
        tensor = sources[0].tensor.name
        made_on_the_way = node.target not in DOTS and self.made_by[tensor].op in ("affine", "prelu", "table")
        if made_on_the_way and choice.endswith("origins"):
            return None
        return sources[-1 if choice.startswith("last") else 0]

    def _image(self, i: int, choice: str) -> dict[str, str]:
        """tensor -> what differs."""
        captured, wrong = self.made.captured, {}
        inputs: dict[fx.Node, torch.Tensor] = {}

        def seen(node: fx.Node) -> Any:
            def look(value: torch.Tensor) -> torch.Tensor:
                for bits in self.bits.get(node, ()):
                    text, value = self._bit(bits, value, i)
                    if text:
                        wrong[bits.tensor.name] = text
                for source in self.sources.get(node, []):
                    text = self._real(source, value, i, inputs)
                    if text:
                        wrong[source.tensor.name] = text
                chosen = self._chosen(node, choice)
                return value if chosen is None else self._stands(chosen, value, i)

            return look

        def kept(node: fx.Node, then: Any) -> Any:
            def look(value: torch.Tensor) -> torch.Tensor:
                inputs[node] = then(value) if then is not None else value
                return inputs[node]

            return look

        instead = {node: seen(node) for node in {*self.sources, *self.bits}}
        for node in self.sources:
            if node.target in DOTS and isinstance(node.args[0], fx.Node) and node.args[0] is not captured.input:
                instead[node.args[0]] = kept(node.args[0], instead.get(node.args[0]))
        real = images_to_float(self.x[i : i + 1], captured.example, self.made.options)
        inputs[captured.input] = real
        scores = run(self.graph, {captured.input: real}, [*self.sources, *self.bits, self.end], instead)[self.end]
        logits = self.program.logits
        mine = self.trace[self.program.output][i].reshape(-1) * (logits.scale or 1.0)
        theirs = scores.reshape(-1).double().numpy()
        # Slope and shift of a logit are asked in float32 over the whole range of the last sum, up to 2^30 units.
        slack = (logits.scale or 1.0) * (1 + 2.0**30 * 2.0**-22) + FLOAT * np.abs(theirs).max()
        if self.end not in self.sources and logits.scale is not None and np.abs(mine - theirs).max() > slack:
            wrong["logits"] = f"logits one step on: {np.abs(mine - theirs).max() / slack:.4g} times the bound"
        return wrong

    def _integers(self, source: Source, i: int) -> np.ndarray:
        return self.trace[source.tensor.name][i].reshape(-1).astype(np.int64)[np.maximum(source.at, 0)]

    def _stands(self, source: Source, value: torch.Tensor, i: int) -> torch.Tensor:
        """What the tensor stands for, as a float node; pads stay PyTorch's."""
        real = source.real(self._integers(source, i)[None], np.arange(value.numel())).reshape(-1)
        inside = torch.from_numpy(source.at >= 0)
        return torch.where(inside, real.to(value.dtype), value.reshape(-1)).reshape(value.shape)

    def _bit(self, bits: BitSource, value: torch.Tensor, i: int) -> tuple[str, torch.Tensor]:
        """(what differs, the value with differing elements replaced by the program's)."""
        table = self.made.captured.values[bits.node]
        assert isinstance(table, Finite)
        flat = value.reshape(-1).double().numpy()
        mine = self.trace[bits.tensor.name][i].reshape(-1)[bits.at]
        want = np.full(len(flat), 255, np.int64)
        codes: dict[int, np.ndarray] = {}
        rows = [code.double().expand(value.shape).reshape(-1).numpy() for code in table.codes]
        tied = np.zeros(len(flat), bool)
        for code, bit in zip(rows, bits.bit_of_row, strict=True):
            if bit is not None:
                codes.setdefault(bit, code)
                want[flat == code] = bit
            else:
                tied |= flat == code
        rule = self.made.options.tie
        if rule is not None:  # sign(0) is +1 or -1, whatever bit that is
            for code, bit in zip(rows, bits.bit_of_row, strict=True):
                if bit is not None and (code * rule > 0).all():
                    want[tied] = bit
        elif self._reads_rounded(bits):
            want[tied] = 1  # a rounded value may be 0 where the model's is not: no third value, it counts as above
        off = (want != mine) & ~self._explained(bits, want, i)
        for bit, code in codes.items():  # where both values are the same, either bit stands for it
            want[(mine == bit) & (flat == code)] = bit
        off &= want != mine
        moved = (want != mine) | tied
        if not moved.any():
            return "", value
        fixed = np.where(moved, np.where(mine == 1, codes.get(1, flat), codes.get(0, flat)), flat)
        replaced = torch.from_numpy(fixed).to(value.dtype).reshape(value.shape)
        if not off.any():
            return "", replaced
        at = np.flatnonzero(off)
        unknown = int((want == 255).sum())
        text = f"bits one step on: {bits.tensor.name}, {len(at)} of {len(flat)} differ"
        text += f" ({unknown} values have no code), the first at {at[0]}"
        return text, replaced

    def _reads_rounded(self, bits: BitSource) -> bool:
        """What the bits are made of was rounded."""
        reads = self.made_by[bits.tensor.name].inputs
        sources = [s for group in self.sources.values() for s in group if s.tensor.name in reads]
        return not all(source.exact for source in sources)

    def _explained(self, bits: BitSource, want: np.ndarray, i: int) -> np.ndarray:
        """Elements whose bit is the wanted one if what the node reads is moved by as much as it may be off."""
        node = self.made_by[bits.tensor.name]
        reads = [self._radius(name, i) for name in node.inputs]
        if not any(reads):
            return np.zeros(len(want), bool)
        found = np.zeros(len(want), bool)
        for signs in itertools.product((-1, 1), repeat=len(reads)):
            moved = []
            for name, sign, radius in zip(node.inputs, signs, reads, strict=True):
                kind = self.program.tensors[name].kind
                wide = self.trace[name][i : i + 1].astype(np.int64) + sign * math.ceil(radius)
                moved.append(np.clip(wide, *kind.range).astype(kind.dtype) if radius else self.trace[name][i : i + 1])
            found |= node.run(*moved)[0].reshape(-1)[bits.at] == want
        return found

    def _radius(self, name: str, i: int, inner: bool = False) -> float:
        """How many units a tensor may be off, computed from the tensors next before it that stand for float nodes.

        Only what is rounded on the way counts: an affine by half a unit, a PReLU by that and the rounding of its slope
        to 2^-12 (2^-13 of what it reads), a sum of two by both sides, a mix by half a unit.
        """
        if name in self.stood and not inner:
            return 0.0
        node = self.made_by[name]
        reads = [self._radius(n, i) for n in node.inputs]
        if node.op == "affine":
            return 0.5 + reads[0] * float(np.abs(node.mul.astype(float)).max()) / 2.0**node.shift
        if node.op == "prelu":
            reach = float(np.abs(self.trace[node.inputs[0]][i].astype(np.int64)).max()) + float(
                np.abs(node.before).max()
            )
            return 1.5 + reach * 2.0**-13 + reads[0] * max(1.0, float(np.abs(node.slope.astype(float)).max()) / 4096)
        if node.op == "mix":
            most = [float(np.abs(m.astype(float)).max()) for m in (node.mul_a, node.mul_b)]
            return 0.5 + sum(r * m for r, m in zip(reads, most, strict=True)) / 2.0**node.shift
        if node.op == "sumpool2d":
            return reads[0] * node.window.kh * node.window.kw
        if node.op == "iconv2d":
            return reads[0] * float(np.abs(node.weights.astype(float)).reshape(len(node.weights), -1).sum(1).max())
        if node.op == "table":
            step = np.abs(np.diff(node.values.astype(float))).max()
            bend = np.abs(
                np.diff(node.values.astype(float), 2)
            ).max()  # a smooth curve leaves its chord by an eighth of this
            return 0.5 + 0.5 + bend / 4 + reads[0] * step / 256
        return sum(reads)

    def _real(self, source: Source, value: torch.Tensor, i: int, inputs: dict[fx.Node, torch.Tensor]) -> str:
        inside = source.at >= 0
        flat = value.reshape(-1).double().numpy()
        q = self._integers(source, i)
        mine = source.real(q[None], np.arange(len(flat))).reshape(-1).double().numpy()
        scale = np.abs(source.scale)
        off = np.where(inside, np.abs(flat - mine), 0.0)
        if source.exact:
            most = scale * np.maximum(np.abs(source.low), np.abs(source.high)) + np.abs(source.offset)
            wrong = inside & (off > FLOAT * np.maximum(most, np.abs(flat).max()))
            kind = "sums"
        else:
            bound = scale * max(1.0, 0.5 + self._radius(source.tensor.name, i, inner=True)) + FLOAT * np.abs(flat).max()
            if source.node.target in DOTS:
                share, eight = self._promise(source)
                bound = bound + (share + SUM) * self._magnitudes(source, inputs, eight)
                kind = "real dots"
            else:
                kind = "streams"
            wrong = off > bound
        if not wrong.any():
            return ""
        at = int(np.argmax(np.where(wrong, off / np.where(scale > 0, scale, 1), 0)))
        low, high = source.tensor.kind.range
        clipped = int(((q == low) | (q == high) | (q == -high)).sum())
        return (
            f"{kind} one step on: {source.tensor.name} ({source.tensor.kind.value}), {int(wrong.sum())} of {len(flat)} "
            f"off, the worst by {off[at] / (scale[at] or 1):.4g} units: PyTorch {flat[at]:.6g}, here {mine[at]:.6g} "
            f"({clipped} at the limits)"
        )

    def _promise(self, source: Source) -> tuple[float, bool]:
        """(greatest error of a weight as a share of its channel's greatest, 8 bits), from the program's notes."""
        layer = source.tensor.name
        shares = []
        for note in self.program.notes:
            said = re.match(r"(\S+): \d+ of \d+ channels of real weights rounded to (\d+) bits, by at most (\S+)", note)
            if said and re.sub(r"\W+", "_", said[1]) in layer:
                shares.append((float(said[3]) * 1.06, said[2] == "8"))  # printed with two digits
        return max(shares, default=(0.0, False))

    def _magnitudes(self, source: Source, inputs: dict[fx.Node, torch.Tensor], eight: bool) -> np.ndarray:
        """Per element of a dot: greatest |w s| of its channel times the sum of the |q| it reads, where x = s q + o."""
        node = source.node
        x, weight = node.args[0], self.made.captured.values[node.args[1]]
        assert isinstance(weight, Const)
        assert isinstance(x, fx.Node)
        value = inputs[x].double()
        slope, moved = self._affine(x, value)
        w = weight.tensor.double().abs()
        # |w s| and |q| = |moved / slope|: the greatest slope of the inputs bounds |w s| by |w| max s.
        q = torch.where(slope > 0, moved / torch.where(slope > 0, slope, 1.0), torch.zeros_like(moved))
        most = float(slope.max())
        ones = torch.ones_like(w)
        args = list(node.args)
        # Weights that are rounded for the inputs of the calibration are right on their average.
        args[0], args[1] = q.abs() + (self._most_read(source) if eight else 0.0), ones
        if len(args) > 2:
            args[2] = None
        sums = node.target(*args, **{k: v for k, v in node.kwargs.items() if k != "bias"})
        greatest = w.flatten(1).max(1).values * most
        shape = (
            [1, -1] + [1] * (sums.ndim - 2)
            if node.target is not torch.ops.aten.linear.default
            else [1] * (sums.ndim - 1) + [-1]
        )
        return (sums * greatest.reshape(shape)).reshape(-1).numpy()

    def _most_read(self, source: Source) -> float:
        """Greatest |q| of what the convolution behind a sum reads, over all images."""
        made = self.made_by[source.tensor.name]
        while made.op != "iconv2d":
            made = self.made_by[made.inputs[0]]
        return float(np.abs(self.trace[made.inputs[0]].astype(np.int64)).max())

    def _affine(self, x: fx.Node, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(|slope|, |slope q|) of every element of x over the integers that it is an affine function of."""
        captured = self.made.captured
        origin, seen = x, set()
        while origin not in self.sources and origin not in self.bits and origin is not captured.input:
            origin = next((n for n in origin.all_input_nodes if self._moves(n)), captured.input)
            if origin in seen:
                break
            seen.add(origin)
        shape = origin.meta["val"].shape
        if origin in self.bits:
            table = captured.values[origin]
            assert isinstance(table, Finite)
            codes = [table.codes[self.bits[origin][0].bit_of_row.index(b)].expand(shape).clone() for b in (0, 1)]
            low, high = (run(self.graph, {origin: code}, [x])[x].double() for code in codes)
            return (high - low).abs() / 2, (high - low).abs() / 2
        if origin not in self.sources:
            zero, one = (run(self.graph, {origin: self._pixels(grey)}, [x])[x].double() for grey in (0, 1))
            return (one - zero).abs(), (value - zero).abs()
        slope, moved = torch.zeros_like(value), torch.zeros_like(value)
        for source in self.sources[origin]:  # whichever of them the dot reads
            at_zero = torch.from_numpy(source.offset).to(torch.float32).reshape(shape)
            zero, one = (run(self.graph, {origin: real}, [x])[x].double() for real in (at_zero, at_zero + 1))
            slope, moved = torch.maximum(slope, (one - zero).abs()), torch.maximum(moved, (value - zero).abs())
        return slope, moved

    def _pixels(self, grey: int) -> torch.Tensor:
        """What the model sees of an image of one value."""
        image = np.full((1, *self.program.input.shape), grey, np.uint8)
        return images_to_float(image, self.made.captured.example, self.made.options)

    def _moves(self, node: fx.Node) -> bool:
        value = self.made.captured.values.get(node)
        return not isinstance(value, Const) and isinstance(node.meta.get("val"), torch.Tensor)
