# SPDX-License-Identifier: Apache-2.0
"""The record of the last run on a real Renode, and what has changed since in the files that it depended on.

`python -m tests.renode.test_last_run` prints the digests of today's files, for a new record.
"""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_name("last_run.toml")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "gone"


def test_the_record_says_what_was_run_where_and_with_what_result() -> None:
    record = tomllib.loads(RECORD.read_text())
    assert isinstance(record["date"], datetime.date)
    assert all(record[key] for key in ("renode", "board", "equal_in_every_tensor", "suite", "files"))
    told = (ROOT / "docs" / "renode.md").read_text()
    for fact in (record["renode"], record["board"], str(record["date"]), *record["equal_in_every_tensor"]):
        assert fact in told


def test_nothing_that_the_run_depended_on_has_changed() -> None:
    """Skips, and says which: without a Renode at hand nobody can make a new record."""
    record = tomllib.loads(RECORD.read_text())
    changed = [name for name, kept in record["files"].items() if digest(ROOT / name) != kept]
    if changed:
        since = f"since Renode {record['renode']} ran on {record['date']}"
        pytest.skip(f"changed {since}, run tests/renode/boards.robot again: {', '.join(changed)}")


if __name__ == "__main__":
    for name in tomllib.loads(RECORD.read_text())["files"]:
        print(f'"{name}" = "{digest(ROOT / name)}"')
