# SPDX-License-Identifier: Apache-2.0
"""How far the integer program is from PyTorch, tensor by tensor, on the user's own images.

*Free-running*: each side computes on its own values, so a difference carries on.  *Teacher-forced*: a node of the
program is given what PyTorch computed for its inputs, so only differences that arise in that node count.

A float32 sum of pixels or scaled values is rounded, in an order that the layout and the batch decide.  Where a
possible sum lies closer to a threshold than that (`undecided` in the layer report), PyTorch's own bit is a matter of
its rounding, and the program has the bit of the exact sum.  *Exact sums* tells such a difference from a fault: every
sum that PyTorch computes is replaced by the real number of the integer that it stands for, rounded once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from xnorc.capture import Finite, run
from xnorc.errors import DataError
from xnorc.lower import Lowered
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.graph.source import Source
from xnorc.lower.logits import without_softmax
from xnorc.lower.lowering import Bits
from xnorc.program import Kind, Node

BATCH = 32  # images whose tensors are held at once


@dataclass(frozen=True)
class Row:
    """One tensor that stands for a value of the float model.

    Attributes:
        layer: module path; tensor: name in the program; kind: its kind.
        elements: compared, over all images.
        free, forced: bits that differ, free-running and teacher-forced; for streams, elements off by more than one
            unit.
        free_error, forced_error: for streams and sums, root mean square difference over the root mean square of
            the float values; None for bits.
    """

    layer: str
    tensor: str
    kind: str
    elements: int
    free: int
    forced: int
    free_error: float | None = None
    forced_error: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows, and the ends of both networks.

    Attributes:
        images: number of images.
        same_labels: images given the same label by both.
        float_correct, integer_correct: correct labels, None where the truth was not given.
        correlation: of all logits, integer against float.
    """

    rows: tuple[Row, ...]
    images: int
    same_labels: int
    correlation: float
    float_correct: int | None
    integer_correct: int | None

    @property
    def differing_bits(self) -> int:
        """Bits that differ, free-running, over all binary tensors."""
        return sum(r.free for r in self.rows if r.kind == "bit")

    @property
    def agrees(self) -> bool:
        """Every bit and every label is the same."""
        return self.differing_bits == 0 and self.same_labels == self.images

    def document(self) -> dict[str, Any]:
        """The same as JSON-able data."""
        return asdict(self)


def compare(lowered: Lowered, x: np.ndarray, y: np.ndarray | None = None, exact_sums: bool = False) -> Comparison:
    """Run both on uint8 images x (N, h, w, ch) and labels y (N,); `exact_sums`: see the module text.

    Raises:
        DataError: x is no batch of the program's images.
    """
    if x.dtype != np.uint8 or x.shape[1:] != lowered.program.input.shape or not len(x):
        raise DataError("x", f"{x.dtype} {x.shape}", f"uint8 (N, {', '.join(map(str, lowered.program.input.shape))})")
    watch = _Watch(lowered, exact_sums)
    logits = np.concatenate([watch.images(x[i : i + BATCH]) for i in range(0, len(x), BATCH)])
    ours = lowered.program.run(x)
    labels, our_labels = logits.argmax(1), ours.argmax(1)
    return Comparison(
        rows=watch.rows(),
        images=len(x),
        same_labels=int((labels == our_labels).sum()),
        correlation=_correlation(logits, ours.astype(np.float64)),
        float_correct=None if y is None else int((labels == y).sum()),
        integer_correct=None if y is None else int((our_labels == y).sum()),
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm else 1.0


class _Watch:
    """Counts, a batch of images at a time."""

    def __init__(self, lowered: Lowered, exact_sums: bool) -> None:
        self.lowered, self.program = lowered, lowered.program
        self.sums = {s.node: s.nearest for s in lowered.sources if s.is_rounded_sum} if exact_sums else {}
        self.scores = without_softmax(lowered.captured)
        known = self.program.tensors
        self.made = {n.output.name: n for n in self.program.nodes}
        self.stands: dict[str, Bits | Source] = {b.tensor.name: b for b in lowered.bits if b.tensor.name in known}
        self.stands |= {
            s.tensor.name: s for s in lowered.sources if s.tensor.name in known and s.tensor.name not in self.stands
        }
        self.counts = {name: np.zeros(3, np.int64) for name in self.stands if name in self.made}
        self.squares = {name: np.zeros(3) for name in self.counts}

    def images(self, x: np.ndarray) -> np.ndarray:
        """Count images x (n, h, w, ch); returns the float logits (n, classes), ahead of any softmax.

        PyTorch runs them one by one, as the network was captured; the program runs them all at once.
        """
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
        if isinstance(stands, Bits):
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

    def rows(self) -> tuple[Row, ...]:
        """One row a tensor, in program order."""
        rows = []
        for name, (elements, free, forced) in self.counts.items():
            node = self.made[name]
            bits = node.output.kind is Kind.BIT
            energy, *errors = np.sqrt(self.squares[name])
            relative = [None if bits else float(e / energy) if energy else 0.0 for e in errors]
            rows.append(Row(node.name, name, node.output.kind.value, int(elements), int(free), int(forced), *relative))
        order = {n.output.name: i for i, n in enumerate(self.program.nodes)}
        return tuple(sorted(rows, key=lambda r: order[r.tensor]))


def _bits(stands: Bits, value: torch.Tensor, lowered: Lowered) -> np.ndarray:
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


def verify(
    module: nn.Module,
    example_input: torch.Tensor,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    exact_sums: bool = False,
    output: int | None = None,
    **options: Any,
) -> Comparison:
    """Lower a network in memory and compare the program with PyTorch on the user's images.

    Args:
        module, example_input, output: as in `xnorc.export`.
        x: uint8 (N, h, w, ch) images; y: their labels (N,), where they are known.
        exact_sums: see `compare`.
        options: `calibration`, `mean`, `std`, `tie`, `percentile`, `weight_bits`, `static_collapsed` of `xnorc.export`.

    Raises:
        CaptureError, LowerError, DataError: as `xnorc.export` and `compare`.
    """
    from xnorc.exporting import lower_module, make_options

    made = lower_module(module, example_input, make_options(example_input, **options), output=output)
    return compare(made, x, y, exact_sums)
