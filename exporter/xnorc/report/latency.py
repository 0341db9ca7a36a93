# SPDX-License-Identifier: Apache-2.0
"""How long one inference takes, over all samples: instructions on an emulator; cycles and milliseconds on a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Latency:
    """What one inference costs.

    Attributes:
        unit: of the four counts: instructions or cycles.
        least, median, p99, greatest: over the samples; p99 is the least count that 99 of 100 samples do not exceed.
        hz: cycles a second; None on an emulator, whose time means nothing.
        seconds: wall clock of all samples, link included; None on an emulator.
        samples: how many there were.
        milliwatts: power taken while it runs, as the user measured it; None where not told.
    """

    unit: str
    least: float
    median: float
    p99: float
    greatest: float
    samples: int
    hz: int | None = None
    seconds: float | None = None
    milliwatts: float | None = None

    @classmethod
    def of(
        cls,
        counts: Sequence[float],
        unit: str,
        hz: int | None = None,
        seconds: float | None = None,
        milliwatts: float | None = None,
    ) -> Latency | None:
        """None where nothing was counted."""
        if not counts:
            return None
        ordered = np.sort(np.asarray(counts, np.float64))
        nearest = ordered[-(-99 * len(ordered) // 100) - 1]  # ceil(0.99 n), counted from 1
        low, high = float(ordered[0]), float(ordered[-1])
        middle = float(np.median(ordered))
        return cls(unit, low, middle, float(nearest), high, len(ordered), hz, seconds, milliwatts)

    @property
    def counts(self) -> dict[str, float]:
        """The four figures by name, in `unit`."""
        return {"min": self.least, "median": self.median, "p99": self.p99, "max": self.greatest}

    @property
    def milliseconds(self) -> dict[str, float] | None:
        """The same in milliseconds; None on an emulator."""
        return None if not self.hz else {name: 1e3 * count / self.hz for name, count in self.counts.items()}

    @property
    def samples_per_second(self) -> float | None:
        """Samples a second over the link, loading included; None on an emulator."""
        return self.samples / self.seconds if self.seconds and self.hz else None

    @property
    def millijoules(self) -> float | None:
        """Energy of one median inference, computed as power times time; None without a power or a time."""
        times = self.milliseconds
        return None if times is None or self.milliwatts is None else self.milliwatts * times["median"] / 1e3

    def document(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {
            "unit": self.unit,
            "counts": self.counts,
            "hz": self.hz,
            "milliseconds": self.milliseconds,
            "samples_per_second": self.samples_per_second,
            "milliwatts": self.milliwatts,
            "millijoules": self.millijoules,
        }

    @property
    def text(self) -> str:
        """One line for people."""
        parts = ", ".join(f"{name} {count:,.0f}" for name, count in self.counts.items())
        lines = [f"{self.unit} of an inference: {parts}"]
        if self.milliseconds is not None:
            lines.append("ms: " + ", ".join(f"{name} {ms:.3f}" for name, ms in self.milliseconds.items()))
        if self.samples_per_second is not None:
            lines.append(f"{self.samples_per_second:,.1f} samples/s over the link")
        if self.millijoules is not None:
            lines.append(f"{self.millijoules:.3f} mJ an inference (computed: {self.milliwatts:g} mW times the median)")
        return "; ".join(lines)
