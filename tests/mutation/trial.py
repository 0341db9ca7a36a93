# SPDX-License-Identifier: Apache-2.0
"""A copy of the tree in which one mutant at a time is tried, each in a fresh process.

Bytecode is neither written nor read: Python tells a stale .pyc by the second and the size of its source, and a mutant
may change neither.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter

from .mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "exporter", "tests", "firmware", "templates", "boards", "docs", "pyproject.toml", "constraints.txt", "Makefile",
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".clang-format",
)  # fmt: skip
SKIPPED = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", ".hypothesis")
NURSERY = Path(__file__).with_name("nursery.py")
SLOW = ("numpy", "torch", "hypothesis")  # to import, and never mutated
TIMEOUT = 600.0  # seconds that the tests of one mutant may take
PYTEST = ("-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-n", "0", "--hypothesis-seed=0")
FIRST = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class Fate(StrEnum):
    """What became of a mutant; all but KILLED and TIMED_OUT are failures of the tests or of the table."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"  # the tests could not be run: it does not import, or a test is gone


@dataclass(frozen=True)
class Outcome:
    """What the tests said.

    Attributes:
        by: the first test that failed, or the last lines of what pytest said where none ran.
        seconds: of wall-clock time.
    """

    fate: Fate
    by: str
    seconds: float

    @property
    def noticed(self) -> bool:
        return self.fate in (Fate.KILLED, Fate.TIMED_OUT)


class Copy:
    """A private copy of what the tests need, which a mutant may change, and a process that runs tests in it.

    Args:
        folder: where the copy goes; it must not exist.
        root: the tree that is copied.
        timeout: seconds that a run of tests may take.
        slow: modules that are imported once, ahead of all runs.
    """

    def __init__(self, folder: Path, root: Path = ROOT, timeout: float = TIMEOUT, slow: tuple[str, ...] = SLOW) -> None:
        self.folder, self.timeout = folder, timeout
        folder.mkdir(parents=True)
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=SKIPPED)
            elif source.exists():
                shutil.copy(source, folder / name)
        self._nursery = subprocess.Popen(
            [sys.executable, "-P", str(NURSERY), *slow],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder / "exporter"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.communicate()  # closes its input, at whose end it ends

    def tests(self, names: Iterable[str]) -> Outcome:
        """Run tests on the copy as it is."""
        started, log = perf_counter(), self.folder / "said.txt"
        asked = {"arguments": [*PYTEST, *names], "log": str(log), "timeout": self.timeout}
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        print(json.dumps(asked), file=self._nursery.stdin, flush=True)
        code = json.loads(self._nursery.stdout.readline())
        seconds, said = perf_counter() - started, log.read_text()
        if code is None:
            return Outcome(Fate.TIMED_OUT, "", seconds)
        if code == 0:
            return Outcome(Fate.SURVIVED, "", seconds)
        first = FIRST.search(said)
        if code == 1 and first is not None:
            return Outcome(Fate.KILLED, first.group(1), seconds)
        return Outcome(Fate.BROKEN, " / ".join(said.strip().splitlines()[-3:]), seconds)

    def trial(self, mutant: Mutant, names: Iterable[str]) -> Outcome:
        """Run tests on the copy with one mutant in it, and take the mutant out again."""
        path = self.folder / mutant.file
        sound = path.read_text()
        try:
            path.write_text(mutant.applied(sound))
        except ValueError as error:
            return Outcome(Fate.BROKEN, str(error), 0.0)
        try:
            return self.tests(names)
        finally:
            path.write_text(sound)
