# SPDX-License-Identifier: Apache-2.0
"""The runner's two measurements: how many inputs are labelled right, and how many a second are inferred."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from xnorc.mlperf.player import Player

LOOPS = 5  # what the rules ask of a performance run
WINDOW = 10_000_000  # us that each of them has to take


@dataclass(frozen=True)
class Accuracy:
    """Labels given by the device.

    Attributes:
        labels: (N,)
        correct: of these, those that equal the truth.
    """

    labels: tuple[int, ...]
    correct: int

    @property
    def share(self) -> float:
        return self.correct / len(self.labels)


@dataclass(frozen=True)
class Performance:
    """Time stamps of a number of loops.

    Attributes:
        runs: inferences in each loop.
        microseconds: of each loop.
    """

    runs: int
    microseconds: tuple[int, ...]

    @property
    def valid(self) -> bool:
        """Whether the rules take it: five loops of ten seconds or more."""
        return len(self.microseconds) == LOOPS and min(self.microseconds) >= WINDOW

    @property
    def throughput(self) -> float:
        """Median inferences a second of the device's clock; 0 where the clock stands still."""
        return median(1e6 * self.runs / lap if lap > 0 else 0.0 for lap in self.microseconds)


def sent(image: np.ndarray, flip: int) -> bytes:
    """An image of the program as the runner sends it: a signed task's values less 128."""
    return (np.ascontiguousarray(image, np.uint8) ^ np.uint8(flip)).tobytes()


def accuracy(
    player: Player, x: np.ndarray, y: Sequence[int], seen: Callable[[int, int], None] = lambda done, correct: None
) -> Accuracy:
    """Label every image; `seen` is told how many are done and correct."""
    labels: list[int] = []
    correct = 0
    for image, truth in zip(x, y, strict=True):
        player.load(sent(image, player.task.flip))
        labels.append(player.infer().label)
        correct += labels[-1] == truth
        seen(len(labels), correct)
    return Accuracy(tuple(labels), correct)


def performance(player: Player, x: np.ndarray, runs: int, warmups: int, loops: int = LOOPS) -> Performance:
    """Time `loops` loops of `runs` inferences, each on the next image."""
    laps = []
    for loop in range(loops):
        player.load(sent(x[loop % len(x)], player.task.flip))
        laps.append(player.infer(runs, warmups).microseconds)
    return Performance(runs, tuple(laps))
