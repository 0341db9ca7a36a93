# SPDX-License-Identifier: Apache-2.0
"""docs/report.md's table is what report.json holds: the same fields, in order, of the types it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.report.example import report
from xnorc.report.html import page
from xnorc.report.json_report import document
from xnorc.report.latency import Latency
from xnorc.report.results import Report, StackUse

PAGE = Path(__file__).parents[2] / "docs" / "report.md"
TYPES: dict[str, type] = {"object": dict, "array": list, "boolean": bool, "null": type(None)}
ROW = re.compile(r"^\| `(\w+)` \| ([a-z ]+) \| (.*) \|$", re.MULTILINE)

FULL = report(latency=Latency.of([10, 20, 30], "cycles", 1000, 2.0, 33.0), stack=StackUse(1024, 400), image_proved=True)


@pytest.mark.parametrize("made", [report(), FULL], ids=["emulator", "board"])
def test_the_table_of_the_docs_is_the_document(made: Report) -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    read: dict[str, Any] = json.loads(json.dumps(document(made), allow_nan=False))
    assert sorted(name for name, _, _ in rows) == sorted(read)
    for name, kinds, _ in rows:
        assert isinstance(read[name], tuple(TYPES[kind] for kind in kinds.split(" or "))), name


def test_every_field_of_latency_and_accuracy_is_told() -> None:
    told = {name: words for name, _, words in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    read = document(FULL)
    for field in ("latency", "accuracy", "stack"):
        assert set(re.findall(r"\w+", told[field])) >= set(read[field]), field


def test_a_board_has_milliseconds_and_an_emulator_has_none() -> None:
    board = document(FULL)["latency"]
    assert board["counts"] == {"min": 10.0, "median": 20.0, "p99": 30.0, "max": 30.0}
    assert board["milliseconds"] == {"min": 10.0, "median": 20.0, "p99": 30.0, "max": 30.0}
    assert board["samples_per_second"] == 1.5
    assert board["millijoules"] == pytest.approx(33.0 * 20 / 1000)
    emulator = Latency.of([10, 20, 30], "instructions", None, None, 33.0)
    assert emulator is not None
    assert (emulator.milliseconds, emulator.samples_per_second, emulator.millijoules) == (None, None, None)
    assert "ms" not in emulator.text
    text = page(FULL)
    assert all(words in text for words in ("400 B", "20.000", "1.5 samples a second", "computed"))


def test_p99_is_the_least_that_99_of_100_do_not_exceed() -> None:
    found = Latency.of(list(range(1, 201)), "cycles")
    assert found is not None
    assert (found.least, found.median, found.p99, found.greatest) == (1, 100.5, 198, 200)
    assert Latency.of([], "cycles") is None
