# SPDX-License-Identifier: Apache-2.0
"""Tensor by tensor: the integers of the program beside the values that the captured graph computes in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite, run
from xnorc.errors import Fault
from xnorc.lower import Lowered
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.graph.source import Source
from xnorc.lower.logits import without_softmax
from xnorc.lower.lowering import BitSource
from xnorc.program import Kind, Node, Program, Tensor
from xnorc.program.saturation import saturation_of

BATCH = 32  # images whose tensors are held at once, at most,
MEMORY = 2**28  # and bytes that these may take, about
SLACK = 16.0  # how many times its measured noise a float sum may lie from the integer's real number
ULPS = 2.0**-20  # and of its own magnitude besides


@dataclass(frozen=True)
class Row:
    """One tensor that stands for a value of the float model.

    Attributes:
        layer: module path; tensor: name in the program; kind: its kind; where: the line of the model.
        elements: compared, over all images.
        free, forced: bits that differ, free-running and teacher-forced; for streams, elements off by more than one
            unit.
        free_error, forced_error: for streams and sums, root mean square difference over the root mean square of
            the float values; None for bits.
        clipped: elements that the program clips, beyond what the tensor can hold, running freely.
        exact: nothing that is rounded lies between this tensor and the nearest values that PyTorch gave: fed these,
            every bit is the same.
    """

    layer: str
    tensor: str
    kind: str
    where: str
    elements: int
    free: int
    forced: int
    free_error: float | None = None
    forced_error: float | None = None
    clipped: int = 0
    exact: bool = False


class Watch:
    """Counts, a batch of images at a time; `exact_sums`: see `xnorc.oracle.compare`."""

    def __init__(self, lowered: Lowered, exact_sums: bool) -> None:
        self.lowered, self.program = lowered, lowered.program
        self.sums = {s.node: _Exact(s) for s in lowered.sources if s.is_rounded_sum} if exact_sums else {}
        self.scores = without_softmax(lowered.captured)
        known = self.program.tensors
        self.made = {n.output.name: n for n in self.program.nodes}
        self.stands: dict[str, BitSource | Source] = {b.tensor.name: b for b in lowered.bits if b.tensor.name in known}
        self.stands |= {
            s.tensor.name: s for s in lowered.sources if s.tensor.name in known and s.tensor.name not in self.stands
        }
        self.counts = {name: np.zeros(3, np.int64) for name in self.stands if name in self.made}
        self.squares = {name: np.zeros(3) for name in self.counts}
        self.clipped: dict[str, int] = {}
        self.fed_exactly = self._fed_exactly()
        self.batch = int(np.clip(MEMORY // max(1, sum(8 * t.size for t in known.values())), 1, BATCH))

    def images(self, x: np.ndarray) -> np.ndarray:
        """Count images x (n, h, w, ch); returns the graph's scores (n, classes), ahead of any softmax.

        PyTorch runs them one by one, as the network was captured; the program runs them all at once.
        """
        return np.concatenate([self._batch(x[i : i + self.batch]) for i in range(0, len(x), self.batch)])

    def _batch(self, x: np.ndarray) -> np.ndarray:
        captured = self.lowered.captured
        nodes = {s.node for s in self.stands.values()} | {captured.logits, self.scores}
        free = self.program.trace(x)
        teachers, logits = [], []
        for i in range(len(x)):
            real = images_to_float(x[i : i + 1], captured.example, self.lowered.options)
            floats = run(captured.graph, {captured.input: real}, nodes, self.sums)
            teachers.append({name: self._from_float(name, floats, free[name][i]) for name in self.stands})
            logits.append(floats[self.scores].reshape(1, -1).double().numpy())
        teacher = {name: np.stack([t[name] for t in teachers]) for name in self.stands}
        taught: dict[str, np.ndarray] = {self.program.input.name: x}  # PyTorch's value, or what follows from those
        for node in self.program.nodes:
            name = node.output.name
            forced = node.run(*(taught[i] for i in node.inputs))
            seen = saturation_of(node, tuple(free[i] for i in node.inputs))
            if seen is not None:
                self.clipped[name] = self.clipped.get(name, 0) + seen.clipped
            taught[name] = forced
            if name in self.counts:
                covered = self._covered(name)
                self._count(node, covered, teacher[name], free[name], forced)
                taught[name] = np.where(covered.reshape(forced.shape[1:]), teacher[name], forced)
        return np.concatenate(logits)

    def _covered(self, name: str) -> np.ndarray:
        """bool (elements,): which elements of a tensor stand for a value of PyTorch's."""
        stands = self.stands[name]
        covered = np.zeros(stands.tensor.size, bool)
        covered[stands.at[stands.at >= 0]] = True
        return covered

    def _from_float(self, name: str, floats: dict[fx.Node, Any], free: np.ndarray) -> np.ndarray:
        """PyTorch's value of a tensor as the program's integers (h, w, ch); `free` where it has none."""
        stands = self.stands[name]
        value = floats[stands.node].reshape(-1).double()
        out = free.reshape(-1).copy()
        if isinstance(stands, BitSource):
            out[stands.at] = _bits(stands, value, self.lowered)
        else:
            inside = stands.at >= 0
            low, high = stands.tensor.kind.range
            out[stands.at[inside]] = np.clip(stands.integers(value), low, high).astype(out.dtype)[inside]
        return out.reshape(free.shape)

    def _count(
        self, node: Node, covered: np.ndarray, teacher: np.ndarray, free: np.ndarray, forced: np.ndarray
    ) -> None:
        wanted = teacher.reshape(len(teacher), -1)[:, covered].astype(np.int64)
        slack = 0 if node.output.kind is Kind.BIT else 1
        count, square = self.counts[node.output.name], self.squares[node.output.name]
        count[0] += wanted.size
        square[0] += (wanted.astype(np.float64) ** 2).sum()
        for k, ours in enumerate((free, forced), start=1):
            difference = np.abs(ours.reshape(len(ours), -1)[:, covered].astype(np.int64) - wanted)
            count[k] += (difference > slack).sum()
            square[k] += (difference.astype(np.float64) ** 2).sum()

    def _fed_exactly(self) -> set[str]:
        """Tensors between which and the nearest values that PyTorch gave nothing is rounded."""
        known = {self.program.input.name}  # hold PyTorch's values themselves, as integers that stand for nothing else
        found: set[str] = set()
        for node in self.program.nodes:
            name, stands = node.output.name, self.stands.get(node.output.name)
            if isinstance(stands, BitSource):
                whole = stands.exact
            else:
                whole = _in(node, self.program).kind is Kind.BIT or not _rounds(node)
            if whole and known.issuperset(node.inputs):
                found.add(name)
            if isinstance(stands, BitSource) or (stands.exact if stands is not None else name in found):
                known.add(name)
        return found

    def rows(self) -> tuple[Row, ...]:
        """One row a tensor, in program order."""
        rows = []
        for name, (elements, free, forced) in self.counts.items():
            node = self.made[name]
            bits = node.output.kind is Kind.BIT
            energy, *errors = np.sqrt(self.squares[name])
            free_error, forced_error = (None if bits else float(e / energy) if energy else 0.0 for e in errors)
            where = self.lowered.captured.where(self.stands[name].node)
            kind, clipped = node.output.kind.value, self.clipped.get(name, 0)
            exact = bits and name in self.fed_exactly
            counts = (int(elements), int(free), int(forced))
            rows.append(Row(node.name, name, kind, where, *counts, free_error, forced_error, clipped, exact))
        order = {n.output.name: i for i, n in enumerate(self.program.nodes)}
        return tuple(sorted(rows, key=lambda r: order[r.tensor]))


def _bits(stands: BitSource, value: torch.Tensor, lowered: Lowered) -> np.ndarray:
    """uint8 (elements,): the bit of the value that each element has."""
    table = lowered.captured.values[stands.node]
    assert isinstance(table, Finite)
    out = np.zeros(value.numel(), np.uint8)
    shape = tuple(stands.node.meta["val"].shape)
    for row, bit in enumerate(stands.bit_of_row):
        if bit is None and lowered.options.tie is not None:
            bit = int(lowered.options.tie > 0)
        code = table.codes[row].double().expand(shape).reshape(-1)
        out[(value == code).numpy()] = bit or 0
    return out


def _in(node: Node, program: Program) -> Tensor:
    return program.tensors[node.inputs[0]]


def _rounds(node: Node) -> bool:
    """An operation with a shift or a table: its integers are those of another scale."""
    if getattr(node, "shift", 0) or getattr(node, "requant", None) is not None:
        return True
    return node.op in ("table", "prelu")


class _Exact:
    """A float sum replaced by the real number of the integer that it stands for.

    The replacement may undo PyTorch's rounding and nothing else: one that is larger is a fault of the meaning that the
    exporter gave the sum.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def __call__(self, value: torch.Tensor) -> torch.Tensor:
        exact = self.source.nearest(value)
        moved = (exact.double() - value.double()).abs().reshape(-1).numpy()
        allowed = SLACK * self.source.noise + ULPS * value.double().abs().reshape(-1).numpy()
        if (moved > allowed).any():
            at = int((moved - allowed).argmax())
            what = f"a sum lies {moved[at]:.3g} from every integer it could be, rounding explains {allowed[at]:.3g}"
            raise Fault(self.source.tensor.name, what)
        return exact
