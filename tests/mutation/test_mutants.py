# SPDX-License-Identifier: Apache-2.0
"""The tables cannot rot: every mutant still applies, and names tests that exist.  And the command tells fates apart."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from .__main__ import main
from .mutant import Mutant, all_mutants
from .trial import ROOT, Copy, Fate

MUTANTS = all_mutants()


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(m.name for m in MUTANTS).items() if count > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_it_applies_and_is_python(mutant: Mutant) -> None:
    """Its old text occurs exactly once, and what it makes of the file can be compiled."""
    compile(mutant.applied((ROOT / mutant.file).read_text()), mutant.file, "exec")
    assert mutant.breaks.endswith(".")


@pytest.mark.parametrize("test", sorted({test for mutant in MUTANTS for test in mutant.tests}))
def test_what_must_notice_it_exists(test: str) -> None:
    file, _, function = test.partition("::")
    text = (ROOT / file).read_text()
    name = function.split("::")[-1].partition("[")[0]
    assert re.search(rf"^\s*def {name}\(", text, re.MULTILINE) if function else "def test_" in text


SUM = """
def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result
"""
TESTS = """
from sums import total

def test_of_nothing():
    assert total([]) == 0

def test_of_two():
    assert total([2, 3]) == 5
"""


def fault(name: str, old: str, new: str, tests: str = "tests/test_sums.py") -> Mutant:
    return Mutant(name, "exporter/sums.py", old, new, "Sums are wrong.", (tests,))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "exporter").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "exporter/sums.py").write_text(SUM)
    (tmp_path / "tests/test_sums.py").write_text(TESTS)
    return tmp_path


def test_the_command_tells_fates_apart(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With two workers; some are of equal size and within one second, so that no bytecode may be kept."""
    faults = [
        fault("starts-at-one", "= 0", "= 1"),
        fault("never-adds", "+= number", "-= 000000"),
        fault("adds-bits", "+= number", "|= number"),
        fault("adds-bits-unseen", "+= number", "|= number", "tests/test_sums.py::test_of_nothing"),
        fault("does-not-compile", "for number", "fro number"),
        fault("test-is-gone", "= 0", "= 2", "tests/test_sums.py::test_of_three"),
    ]
    assert main(["--jobs", "2", "--json", str(tmp_path / "out.json")], tree, faults[:5], slow=()) == 1
    rows = {row["mutant"]: (row["fate"], row["by"]) for row in json.loads((tmp_path / "out.json").read_text())}
    assert rows["starts-at-one"] == ("killed", "tests/test_sums.py::test_of_nothing")
    assert rows["never-adds"] == ("killed", "tests/test_sums.py::test_of_two")
    assert rows["adds-bits"] == ("killed", "tests/test_sums.py::test_of_two")
    assert rows["adds-bits-unseen"] == ("SURVIVED", "")
    assert rows["does-not-compile"][0] == "BROKEN"
    said = capsys.readouterr().out
    assert "5 mutants: 3 killed, 0 timed out, 1 SURVIVED, 1 BROKEN" in said
    assert "SURVIVED: adds-bits-unseen (exporter/sums.py): Sums are wrong." in said
    assert (tree / "exporter/sums.py").read_text() == SUM
    assert main([], tree, faults[:1], slow=()) == 0
    assert main([], tree, faults[5:], slow=()) == 2  # the sound tree has no such test either


def test_a_mutant_that_hangs_is_noticed(tree: Path, tmp_path: Path) -> None:
    endless = fault("never-ends", "for number in numbers:", "while True:\n        number = 1")
    with Copy(tmp_path / "copy", tree, timeout=2.0, slow=()) as copy:
        outcome = copy.trial(endless, endless.tests)
    assert (outcome.fate, outcome.noticed) == (Fate.TIMED_OUT, True)


def test_a_sound_tree_that_fails_is_said_so(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "exporter/sums.py").write_text(SUM.replace("= 0", "= 7"))
    assert main([], tree, [fault("starts-at-one", "= 7", "= 1")], slow=()) == 2
    assert "do not pass on the sound tree: tests/test_sums.py::test_of_nothing" in capsys.readouterr().out


def test_a_text_that_is_not_there_once_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs 2 times"):
        fault("twice", "number", "n").applied("number number")
    with pytest.raises(ValueError, match="changes nothing"):
        fault("same", "a", "a").applied("a")
