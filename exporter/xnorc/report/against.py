# SPDX-License-Identifier: Apache-2.0
"""What changed from an earlier report.json to this one, and whether the change of accuracy means anything.

McNemar's test asks only about the samples that one of both got right and the other wrong: `lost` were right before,
`won` are right now.  If nothing had changed but luck, each of these n would fall on either side like a fair coin, so
the chance of a split at least as uneven as this one is 2 * sum(C(n, i), i <= min(lost, won)) / 2^n, at most 1.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorc.errors import DataError


def mcnemar(lost: int, won: int) -> float:
    """The exact two-sided p of McNemar's test."""
    count = lost + won
    tail = sum(math.comb(count, i) for i in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / 2**count)


@dataclass(frozen=True)
class Change:
    """Samples that changed sides, p of that, and (what, before, now) of figures that differ."""

    lost: int
    won: int
    figures: tuple[tuple[str, float, float], ...]

    @property
    def lines(self) -> tuple[str, ...]:
        p = mcnemar(self.lost, self.won)
        told = "no more than luck explains" if p >= 0.05 else "more than luck explains"
        first = f"against the report given: {self.lost} samples lost, {self.won} won, p = {p:.3g} (McNemar): {told}"
        return first, *(f"{name}: {before:,g} -> {now:,g}" for name, before, now in self.figures)


def read_document(path: Path) -> dict[str, Any]:
    """An earlier report.json.

    Raises:
        DataError: it is none, or of another version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(path), "cannot be read as JSON", "a report.json of `xnorc report`") from error
    if not isinstance(found, dict) or found.get("schema") != {"name": "xnorc.report", "version": 1}:
        raise DataError(str(path), "is no report of this version", "a report.json of `xnorc report`")
    rows = found.get("predictions")
    if not (isinstance(rows, dict) and all(_numbers(rows.get(key)) for key in ("labels", "truths"))):
        raise DataError(str(path), "holds no labels of its samples", "make it again with this xnorc")
    return found


def _numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


def compare(old: dict[str, Any], new: dict[str, Any], name: str) -> Change:
    """Two documents of the same samples.

    Raises:
        DataError: they are of other samples.
    """
    before, now = old["predictions"], new["predictions"]
    if before["truths"] != now["truths"] or len(before["labels"]) != len(now["labels"]):
        raise DataError(name, "is of other samples", "the same --data and --limit")
    lost = won = 0
    for truth, was, label in zip(now["truths"], before["labels"], now["labels"], strict=True):
        lost += truth >= 0 and was == truth != label
        won += truth >= 0 and was != truth == label
    pairs = ((key, _figure(old, *key.split(".")), _figure(new, *key.split("."))) for key in FIGURES)
    figures = tuple(
        (key, was, at) for key, was, at in pairs if was is not None and at is not None and f"{was:,g}" != f"{at:,g}"
    )
    return Change(lost, won, figures)


FIGURES = ("accuracy.device", "inference.mean", "memory.flash.used", "memory.ram.used", "stack.used")


def _figure(found: Any, *path: str) -> float | None:
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None
