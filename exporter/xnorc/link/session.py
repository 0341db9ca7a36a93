# SPDX-License-Identifier: Apache-2.0
"""Stream a data set through a device: every label and logit, checked against the program where asked.

In: a connected `Client` and images.  Out: a `DeviceRun` whose count the device has confirmed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from xnorc.errors import DataError, LinkError
from xnorc.link.client import Client
from xnorc.link.compare import MismatchError, compare_tensors
from xnorc.link.protocol import Info
from xnorc.program import Program

BATCH = 64  # samples that the program computes at once for the comparison
TIMED = 8  # samples, spread over the run, whose layer ticks are read


class Verify(StrEnum):
    """What is compared with the program: nothing, every sample's logits, or every tensor of every sample."""

    NONE = "none"
    LOGITS = "logits"
    TENSORS = "tensors"


@dataclass(frozen=True)
class Sample:
    """One finished sample, for progress displays.  done, correct and known count the samples so far."""

    index: int
    label: int
    truth: int
    logits: np.ndarray
    ticks: int
    done: int
    correct: int
    known: int


@dataclass(frozen=True, eq=False)
class DeviceRun:
    """Everything that came back.

    Attributes:
        labels: int64 (N,).
        truths: int64 (N,), -1 where unknown.
        logits: int32 (N, classes).
        ticks: int64 (N,), of all nodes of one inference.
        layer_ticks: float (nodes,), the mean over the samples that were timed layer by layer.
        verified: what was found equal to the program, for every sample.
        repeats: requests that had to be sent again.
        seconds: wall clock, link included.
    """

    labels: np.ndarray
    truths: np.ndarray
    logits: np.ndarray
    ticks: np.ndarray
    layer_ticks: np.ndarray
    verified: Verify
    repeats: int
    seconds: float

    @property
    def accuracy(self) -> float | None:
        """Share of the samples of known label that were right; None where no label is known."""
        known = self.truths >= 0
        return float((self.labels == self.truths)[known].mean()) if known.any() else None


def stream_samples(
    client: Client,
    x: np.ndarray,
    y: np.ndarray | None = None,
    program: Program | None = None,
    verify: Verify = Verify.NONE,
    on_sample: Callable[[Sample], None] | None = None,
) -> DeviceRun:
    """Run every image of x on the device.

    Args:
        client: connected (`Client.connect`); its totals are started again.
        x: uint8 (N, h, w, ch).
        y: labels (N,), or None.
        program: what the device should be; needed by `verify`.
        verify: what to compare; the first difference ends the run.
        on_sample: called after each sample.

    Raises:
        DataError: images or labels do not fit the model.
        MismatchError: the device's numbers are not the program's.
        LinkError: see `Client`; also a device that counted other samples than were sent.
    """
    info, truths = _check(client, x, y, program, verify)
    started, repeats = time.monotonic(), client.repeats
    client.totals(reset=True)
    expected = _expected(program, x) if program is not None and verify is not Verify.NONE else None
    timed = set(np.linspace(0, len(x) - 1, TIMED).astype(int).tolist()) if len(x) else set()
    labels, logits, ticks, layers = [], [], [], []
    correct = known = 0
    for first, end in _stretches(len(x), timed, verify):
        wrong: int | None = None
        pieces = (
            (image.tobytes(), truth) for image, truth in zip(x[first:end], truths[first:end].tolist(), strict=True)
        )
        for index, ran in enumerate(client.samples(pieces), first):
            truth = int(truths[index])
            labels.append(ran.label)
            logits.append(ran.logits)
            ticks.append(ran.ticks)
            correct, known = correct + (ran.label == truth), known + (truth >= 0)
            if expected is not None and not np.array_equal(ran.logits, wanted := next(expected)) and wrong is None:
                wrong, wanted_there = index, wanted
            if on_sample is not None and wrong is None:
                on_sample(Sample(index, ran.label, truth, ran.logits, ran.ticks, index + 1, correct, known))
        if wrong is not None and program is not None:
            _differs(client, program, x[wrong], wrong, logits[wrong], wanted_there, wrong == end - 1)
        if verify is Verify.TENSORS and program is not None:
            _tensors_equal(client, program, x[end - 1], end - 1)
        if end - 1 in timed:
            layers.append(client.layers())
    _confirm(client, len(x), known, correct, sum(ticks))
    timings = np.array(layers, np.float64).reshape(len(layers), info.nodes)
    return DeviceRun(
        labels=np.array(labels, np.int64),
        truths=truths,
        logits=np.array(logits, np.int32).reshape(len(x), info.logits),
        ticks=np.array(ticks, np.int64),
        layer_ticks=timings.mean(axis=0) if layers else np.zeros(info.nodes),
        verified=verify,
        repeats=client.repeats - repeats,
        seconds=time.monotonic() - started,
    )


def _check(
    client: Client, x: np.ndarray, y: np.ndarray | None, program: Program | None, verify: Verify
) -> tuple[Info, np.ndarray]:
    """What the device is, and labels int64 (N,) of images that fit it and the program."""
    info = client.info
    if info is None:
        raise LinkError(client.name, "no session was started", "call connect() first")
    if x.dtype != np.uint8 or x.ndim != 4 or x[:1].size not in (0, info.input_bytes):
        hint = f"the model in the device takes uint8 (N, h, w, ch), {info.input_bytes} bytes each"
        raise DataError("images", f"{x.dtype} {x.shape}", hint)
    if program is None and verify is not Verify.NONE:
        raise DataError("verify", "there is no program to compare with", "give the exported program")
    if program is not None and x.shape[1:] != program.input.shape:
        raise DataError("images", f"of shape {x.shape[1:]}", f"the program takes {program.input.shape}")
    if program is not None and info.nodes != len(program.nodes):
        what = f"runs a model of {info.nodes} nodes, the program has {len(program.nodes)}"
        raise LinkError(client.name, what, "build and flash this program first")
    truths = np.full(len(x), -1, np.int64) if y is None else np.asarray(y).astype(np.int64)
    if truths.shape != (len(x),):
        raise DataError("labels", f"of shape {truths.shape} for {len(x)} images")
    if len(truths) and (truths.min() < -1 or truths.max() >= info.logits):
        hint = f"the model has classes 0..{info.logits - 1}"
        raise DataError("labels", f"{truths.min()}..{truths.max()}", hint)
    return info, truths


def _expected(program: Program, x: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(x), BATCH):
        yield from program.run(x[first : first + BATCH], BATCH)


def _stretches(samples: int, timed: set[int], verify: Verify) -> Iterator[tuple[int, int]]:
    """Ranges of samples between which nothing else is asked of the device."""
    ends = set(range(samples)) if verify is Verify.TENSORS else timed | ({samples - 1} if samples else set())
    first = 0
    for end in sorted(ends):
        yield first, end + 1
        first = end + 1


def _differs(
    client: Client,
    program: Program,
    image: np.ndarray,
    index: int,
    logits: np.ndarray,
    expected: np.ndarray,
    last: bool,
) -> None:
    """Raise for logits that are not the program's; `last`: it is this sample that the device ran last."""
    if not last:
        client.sample(image.tobytes())
    found = compare_tensors(client, program, image)
    if found is None:
        found = f"logits {logits.tolist()} were replied, {expected.tolist()} are in memory and in the program"
    raise MismatchError(f"sample {index}", found, "the device is not the program: please report this")


def _tensors_equal(client: Client, program: Program, image: np.ndarray, index: int) -> None:
    found = compare_tensors(client, program, image)
    if found is not None:
        raise MismatchError(f"sample {index}", found, "the device is not the program: please report this")


def _confirm(client: Client, samples: int, known: int, correct: int, ticks: int) -> None:
    totals = client.totals()
    ours, theirs = (samples, known, correct, ticks), (totals.samples, totals.known, totals.correct, totals.ticks)
    if ours != theirs:
        raise LinkError(client.name, f"(samples, known, correct, ticks) are {ours} here, the device counted {theirs}")
