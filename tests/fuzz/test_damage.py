# SPDX-License-Identifier: Apache-2.0
"""Damaged programs: an XnorcError in one line, or a program that all that follows takes.

More by `python -m tests.fuzz.damage -n 20000 --c 20`.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.damage import Damage, Finding


def test_a_damaged_program_is_refused_in_one_line_or_is_one(tmp_path: Path) -> None:
    judge = Damage(tmp_path, programs=6)
    outcomes = [judge.judge(seed) for seed in range(400)]
    assert [each for each in outcomes if isinstance(each, Finding)] == []
    assert {"refused", "program"} <= set(outcomes)
