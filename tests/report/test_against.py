# SPDX-License-Identifier: Apache-2.0
"""McNemar's test is the binomial test, and a report is compared with an earlier one of the same samples only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.example import report
from xnorc.errors import DataError
from xnorc.report.against import compare, mcnemar, read_document
from xnorc.report.json_report import document


def test_mcnemar_is_the_exact_binomial_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for lost in range(12):
        for won in range(12):
            wanted = stats.binomtest(lost, lost + won, 0.5).pvalue if lost + won else 1.0
            assert mcnemar(lost, won) == pytest.approx(wanted, abs=1e-12)
    assert mcnemar(5000, 5000) == 1.0


def test_what_changed_is_told(tmp_path: Path) -> None:
    now = document(report(predictions=((0, 1, 1, 2), (0, 1, 0, -1))))
    old = document(report(predictions=((0, 0, 0, 2), (0, 1, 0, -1)), count=1100.5))
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    change = compare(read_document(path), now, "old.json")
    assert (change.lost, change.won) == (1, 1)
    assert change.figures == (("inference.mean", 1100.5, 1000.5),)
    assert "p = 1 (McNemar): no more than luck" in change.lines[0]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', "{"])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"report\.json"):
        read_document(path)


def test_other_samples_are_refused() -> None:
    one, other = document(report(predictions=((0,), (0,)))), document(report(predictions=((0,), (1,))))
    with pytest.raises(DataError, match="other samples"):
        compare(one, other, "old.json")
