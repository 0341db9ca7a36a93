# SPDX-License-Identifier: Apache-2.0
"""What was found out about one program on one target, frozen: what tables, pages and `report.json` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from xnorc.program.saturation import Saturation
from xnorc.report.latency import Latency
from xnorc.report.rows import Layer, Memory, Span
from xnorc.targets import Target


@dataclass(frozen=True, eq=False)
class Classification:
    """How labels and truths met, over the samples whose truth is known.

    Attributes:
        confusion: int64 (classes, classes), [truth, label].
    """

    confusion: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, truths: np.ndarray, classes: int) -> Classification:
        """labels (N,) and truths (N,), -1 where unknown."""
        known = np.asarray(truths) >= 0
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (np.asarray(truths)[known], np.asarray(labels)[known]), 1)
        return cls(confusion)

    @property
    def samples(self) -> int:
        """Samples of known truth."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float | None:
        """Share of right labels; None without samples."""
        return float(self.confusion.trace() / self.samples) if self.samples else None

    @property
    def precision(self) -> np.ndarray:
        """Per class: of the samples given this label, the share whose truth it was; NaN where the label never came."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """Per class: of the samples of this truth, the share that got its label; NaN where the truth never came."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


@dataclass(frozen=True)
class Accuracy:
    """Share of right labels, 0 to 1, wherever the same samples were run; None where they were not.

    `device_top5`: share of the samples whose truth is among the device's five greatest logits; None up to 5 classes.
    """

    pytorch: float | None = None
    program: float | None = None
    host: float | None = None
    device: float | None = None
    device_top5: float | None = None


def top_share(logits: np.ndarray, truths: np.ndarray, most: int = 5) -> float | None:
    """Share of the samples of known truth whose truth is among the `most` greatest logits (N, classes).

    Of equal logits the lower class comes first, as for the label.  None without truths, or without more classes.
    """
    known = np.asarray(truths) >= 0
    if not known.any() or logits.shape[1] <= most:
        return None
    order = np.argsort(-logits[known].astype(np.int64), axis=1, kind="stable")[:, :most]
    return float((order == np.asarray(truths)[known][:, None]).any(axis=1).mean())


@dataclass(frozen=True)
class StackUse:
    """Bytes of RAM set aside for the stack, and how many of them the device found used since its reset."""

    reserve: int
    used: int


@dataclass(frozen=True)
class Agreement:
    """Of all samples: labels equal to PyTorch's, logits equal to the program's to the bit; None where not compared."""

    samples: int
    pytorch_labels: int | None = None
    host_logits: int | None = None
    device_logits: int | None = None


@dataclass(frozen=True)
class Data:
    """What was run.  `classes` are names, `caveat` a sentence that goes with every figure; both may be empty."""

    name: str
    samples: int
    classes: tuple[str, ...] = ()
    caveat: str = ""

    def class_name(self, label: int) -> str:
        return self.classes[label] if label < len(self.classes) else str(label)


@dataclass(frozen=True, eq=False)
class Wrong:
    """A sample that the device got wrong; image is uint8 (h, w, ch)."""

    index: int
    truth: int
    label: int
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a report says.

    Attributes:
        digest: hexadecimal, of the program.
        target: where it ran; `target.unit` is what `count` and `Layer.count` are.
        count: instructions or cycles of one inference, the mean over all samples; None where nothing is counted.
        spread: least and greatest of these counts.
        arena: places of tensors over time; arena_bytes long.
        memories: what flash and RAM are used for.
        latency: of one inference, over all samples; None where nothing is counted.
        stack: measured by the device; None where it cannot tell.
        image_proved: whether the image in flash is the one built; None where the device cannot tell.
        predictions: the device's labels and the truths (-1 unknown) of all samples, in order.
        notes: what lowering assumed, proved or measured.
        clipped: tensors that clip values of the first samples, beyond what calibration foresaw.
        wrong: some of the samples that the device got wrong.
        versions: of xnorc, Python, packages and tools, by name.
    """

    model: str
    digest: str
    target: Target
    data: Data
    accuracy: Accuracy
    agreement: Agreement
    classification: Classification
    layers: tuple[Layer, ...]
    arena: tuple[Span, ...] = ()
    arena_bytes: int = 0
    memories: tuple[Memory, ...] = ()
    count: float | None = None
    spread: tuple[float, float] | None = None
    latency: Latency | None = None
    stack: StackUse | None = None
    image_proved: bool | None = None
    predictions: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    notes: tuple[str, ...] = ()
    clipped: tuple[Saturation, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def wrong_samples(x: np.ndarray, labels: np.ndarray, truths: np.ndarray, most: int = 24) -> tuple[Wrong, ...]:
    """The first `most` samples of known truth that got another label."""
    found = np.flatnonzero((truths >= 0) & (labels != truths))[:most]
    return tuple(Wrong(int(i), int(truths[i]), int(labels[i]), x[i]) for i in found)
