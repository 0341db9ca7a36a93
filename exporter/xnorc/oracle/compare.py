# SPDX-License-Identifier: Apache-2.0
"""How far the integer program is from the network, on the user's own images.

Logits and labels are compared with the network as the user gave it, run in eager PyTorch.  Inner tensors are compared
with the captured graph, whose logits must equal the network's in every bit: what xnorc believes about an operation
enters neither.

*Free-running*: each side computes on its own values, so a difference carries on.  *Teacher-forced*: a node of the
program is given what PyTorch computed for its inputs, so only differences that arise in that node count.

A float32 sum of pixels or scaled values is rounded, in an order that the layout and the batch decide.  Where a
possible sum lies closer to a threshold than that (`undecided` in the layer report), PyTorch's own bit is a matter of
its rounding, and the program has the bit of the exact sum.  *Exact sums* tells such a difference from a fault: every
sum that PyTorch computes is replaced by the real number of the integer that it stands for, rounded once.  Labels are
then those of the captured graph, since the network itself cannot be asked so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xnorc.capture import Eager, run_logits, same_bits
from xnorc.errors import CaptureError, DataError, Fault
from xnorc.lower import Lowered
from xnorc.lower.graph.pixels import images_to_float
from xnorc.oracle.tensors import Row, Watch


@dataclass(frozen=True)
class Comparison:
    """All rows, and the ends of both networks.

    Attributes:
        images: number of images.
        same_labels: images given the same label by both; where the network's greatest logits are equal, any of these.
        same_capture: images on which the captured graph's logits equal the network's in every bit; None with exact
            sums.
        float_correct, integer_correct: correct labels, None where the truth was not given.
        correlation: of all logits, integer against float.
        logits_error: greatest difference of a logit, as a share of the greatest logit of all.
        moved: passes of the capture that may change logits (a tie rule, a cancellation with a bound).
    """

    rows: tuple[Row, ...]
    images: int
    same_labels: int
    same_capture: int | None
    correlation: float
    logits_error: float
    float_correct: int | None
    integer_correct: int | None
    moved: tuple[str, ...] = ()

    @property
    def differing_bits(self) -> int:
        """Bits that differ, free-running, over all binary tensors."""
        return sum(r.free for r in self.rows if r.kind == "bit")

    @property
    def agrees(self) -> bool:
        """Every bit and every label is the same, and the captured graph is the network."""
        captured = self.same_capture in (None, self.images) or bool(self.moved)
        return self.differing_bits == 0 and self.same_labels == self.images and captured

    @property
    def fault(self) -> Row | None:
        """The first tensor whose bits are wrong although it was fed PyTorch's values; ask it of exact sums."""
        return next((row for row in self.rows if row.exact and row.forced), None)

    def document(self) -> dict[str, Any]:
        """The same as JSON-able data."""
        return asdict(self)


def compare(lowered: Lowered, x: np.ndarray, y: np.ndarray | None = None, exact_sums: bool = False) -> Comparison:
    """Run both on uint8 images x (N, h, w, ch) and labels y (N,); `exact_sums`: see the module text.

    Raises:
        DataError: x is no batch of the program's images, or y are no labels that the network can give.
        Fault: the captured graph is not the network; names the image.
    """
    if x.dtype != np.uint8 or x.shape[1:] != lowered.program.input.shape or not len(x):
        raise DataError("x", f"{x.dtype} {x.shape}", f"uint8 (N, {', '.join(map(str, lowered.program.input.shape))})")
    if y is not None:
        if len(y) != len(x):
            raise DataError("y", f"{len(y)} labels for {len(x)} images", "one an image")
        lowered.program.check_labels(y, "y")
    watch = Watch(lowered, exact_sums)
    scores = watch.images(x)
    logits, same = (scores, None) if exact_sums else _network(lowered, x)
    ours = lowered.program.run(x)
    labels, our_labels = logits.argmax(1), ours.argmax(1)
    agree = (labels == our_labels) | (logits[np.arange(len(x)), our_labels] == logits.max(1))
    return Comparison(
        rows=watch.rows(),
        images=len(x),
        same_labels=int(agree.sum()),
        same_capture=same,
        correlation=_correlation(scores, ours.astype(np.float64)),
        logits_error=_error(scores, ours, lowered.program.logits.scale),
        float_correct=None if y is None else int((labels == y).sum()),
        integer_correct=None if y is None else int((our_labels == y).sum()),
        moved=lowered.captured.moved,
    )


def _network(lowered: Lowered, x: np.ndarray) -> tuple[np.ndarray, int]:
    """(float64 logits (N, classes) of the network itself, images on which the captured graph's are the same)."""
    captured, same = lowered.captured, 0
    eager = captured.eager
    if eager is None:
        raise Fault("verify", "the network itself is not at hand")
    rows = []
    with eager.running():
        for i in range(len(x)):
            real = images_to_float(x[i : i + 1], captured.example, lowered.options)
            logits, ours = eager.logits(real), run_logits(captured.graph, real)
            equal = same_bits(logits, ours)
            if not equal and captured.moved and lowered.options.tie is not None:
                logits = eager.with_ties(real, lowered.options.tie)
                equal = same_bits(logits, ours)
            if not equal and not captured.moved:
                _refuse_memory(lowered, eager)
                worst = float((logits - ours).abs().max()) if logits.shape == ours.shape else float("nan")
                raise Fault(
                    "capture", f"on image {i} the captured graph's logits are off by {worst:.3g} from the network's"
                )
            same += equal
            rows.append(logits.reshape(1, -1).double().numpy())
    return np.concatenate(rows), same


def _refuse_memory(lowered: Lowered, eager: Eager) -> None:
    """A network that answers its own example otherwise than when it was read is no function of the image.

    Raises:
        CaptureError: it does.
    """
    captured = lowered.captured
    if not same_bits(eager.logits(captured.example), run_logits(captured.graph, captured.example)):
        raise CaptureError(
            eager.name,
            "the model answers otherwise than when it was read: what it holds changes from call to call",
            "a forward pass that keeps no counters and writes to nothing",
        )


def _error(scores: np.ndarray, ours: np.ndarray, unit: float | None) -> float:
    most = float(np.abs(scores).max())
    return float(np.abs(ours * (unit or 1.0) - scores).max()) / most if most else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm else 1.0
