# SPDX-License-Identifier: Apache-2.0
"""The judge of an export, ahead of the first file: the program against the network itself, on awkward images.

What is compared is said in `xnorc.oracle.compare`.  How many images are taken depends on the program's work, so that a
large network is not judged for minutes; the least is four.  (On its work and not on the clock: the same model gives the
same export.json.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from xnorc.errors import Fault, LowerError
from xnorc.lower import Lowered
from xnorc.lower.graph.scales import IMAGES
from xnorc.oracle.awkward import Images, awkward, spread
from xnorc.oracle.border import at_border, bits_of
from xnorc.oracle.compare import Comparison, compare
from xnorc.oracle.double import logits_explained
from xnorc.program.saturation import Saturation, saturation

WORK = 1e9  # multiply-accumulates of all images, about: some seconds of a processor core
LEAST, MOST = 4, 40  # images
REFUSED = 1e-2  # share of a tensor's values over the calibration images up to which clipping is told, not refused
ROUNDED = 1e-4  # share of the greatest logit up to which an exact program's logits are asked no more questions
FAR = 0.5  # share of the greatest logit beyond which the logits of a rounded network are warned about


@dataclass(frozen=True)
class Verdict:
    """What the judge saw.

    Attributes:
        images: how many of each kind.
        same_labels: of all, to which both give the same label.
        rounded_sums: bits or labels differed, and no longer with PyTorch's sums made exact.
        logits_error: greatest difference of a logit, as a share of the greatest.
        clipped: tensors that clip values over the calibration images.
        seconds: it took.
    """

    images: dict[str, int]
    same_labels: int
    rounded_sums: bool
    logits_error: float
    clipped: tuple[Saturation, ...]
    seconds: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must know of a program that was not refused, a line each."""
        lines = tuple(map(str, self.clipped))
        if self.logits_error > FAR:
            lines += (
                f"logits are off by up to {100 * self.logits_error:.2g} % of the network's greatest on the judged "
                "images: rounded streams lose small channels beside large ones; `xnorc verify` says where",
            )
        return lines

    def document(self) -> dict[str, Any]:
        """As export.json has it: without the seconds, so that the same model gives the same file."""
        return {key: value for key, value in asdict(self).items() if key != "seconds"}

    def __str__(self) -> str:
        total = sum(self.images.values())
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.images.items())
        return (
            f"judged by the network itself on {total} images ({kinds}): {self.same_labels} labels are the same, logits "
            f"within {100 * self.logits_error:.2g} %; {self.seconds:.1f} s"
        )


def judge(lowered: Lowered, on_step: Callable[[str], None] | None = None) -> Verdict:
    """Compare, and refuse what must not be written.

    Args:
        on_step: told what is being done, in a few words.

    Raises:
        Fault: the program is not the network; names the first tensor or pass.
        LowerError: a stream clips more of the calibration images than REFUSED, although nothing was to be clipped.
    """
    started = perf_counter()
    given = lowered.options.calibration
    groups = _images(lowered, given)
    x = np.concatenate([group.x for group in groups])
    if on_step is not None:
        on_step(f"judging by the network itself on {len(x)} images")
    found = compare(lowered, x)
    rounded = found.fault is not None or (lowered.exact and not _equal(found))
    if rounded:
        exact = compare(lowered, x, exact_sums=True)
        wrong = not exact.agrees or (exact.logits_error > ROUNDED and not logits_explained(lowered, x, ROUNDED))
        if exact.fault is not None or (lowered.exact and wrong):
            raise fault(lowered, exact)
    clipped: tuple[Saturation, ...] = ()
    if given is not None:
        measured = given[spread(len(given), IMAGES)]  # those that the scales were taken from
        clipped = saturation(lowered.program, measured[spread(len(measured), len(x))])
    _refuse_clipping(lowered, clipped)
    return Verdict(
        images={group.kind: len(group.x) for group in groups},
        same_labels=found.same_labels,
        rounded_sums=rounded,
        logits_error=found.logits_error,
        clipped=tuple(each for each in clipped if each.clipped),
        seconds=perf_counter() - started,
    )


def _images(lowered: Lowered, given: np.ndarray | None) -> tuple[Images, ...]:
    """As many as WORK allows; borders between answers are looked for where the program is not large."""
    program = lowered.program
    macs = sum(node.macs(*(program.tensors[name] for name in node.inputs)) for node in program.nodes)
    count = int(np.clip(WORK / max(macs, 1), LEAST, MOST))
    groups = awkward(program.input.shape, given, count)
    if count == LEAST:
        return groups
    x, rng, pairs = np.concatenate([group.x for group in groups]), np.random.default_rng(0), max(1, count // 10)
    found = [at_border(x, answer, 1, rng) for answer in bits_of(program, x)]
    near = (("label", at_border(x, program.predict, pairs, rng)), ("threshold", np.concatenate([x[:0], *found])))
    return (*groups, *(Images(kind, images) for kind, images in near if len(images)))


def _equal(found: Comparison) -> bool:
    """Nothing differs but by what float32 sums and int32 units come to."""
    return not found.differing_bits and found.same_labels == found.images and found.logits_error <= ROUNDED


def fault(lowered: Lowered, exact: Comparison) -> Fault:
    """What to say of differences that stay when PyTorch's sums are exact."""
    row = exact.fault
    if row is not None:
        what = f"{row.forced} of {row.elements} bits of {row.tensor} are not those that the network makes of the same"
        return Fault(row.where, what)
    first = next((row for row in exact.rows if row.kind == "bit" and row.free), None)
    return Fault(
        lowered.captured.where(lowered.captured.logits) if first is None else first.where,
        f"{exact.differing_bits} bits and {exact.images - exact.same_labels} labels of {exact.images} images are not "
        f"the network's (logits are off by {100 * exact.logits_error:.2g} %), and rounding does not explain it",
    )


def _refuse_clipping(lowered: Lowered, clipped: tuple[Saturation, ...]) -> None:
    worst = max(clipped, key=lambda each: each.clipped / each.elements, default=None)
    if worst is None or lowered.options.percentile < 100.0 or worst.clipped <= REFUSED * worst.elements:
        return
    raise LowerError(
        worst.layer,
        f"{worst.tensor} would clip {worst.clipped:,} of {worst.elements:,} values of the calibration images, the "
        f"greatest {worst.excess:.3g} times what it holds",
        "more or other calibration images; --percentile 99.9 allows clipping",
    )
