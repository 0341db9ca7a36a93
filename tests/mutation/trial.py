# SPDX-License-Identifier: Apache-2.0
"""A copy of the tree in which one mutant at a time is tried, each in a fresh process.

Bytecode is neither written nor read: Python tells a stale .pyc by the second and the size of its source, and a mutant
may change neither.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter

from .mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("exporter", "tests", "firmware", "templates", "boards", "pyproject.toml")
SKIPPED = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", ".hypothesis")
TIMEOUT = 600.0  # seconds that the tests of one mutant may take
PYTEST = ("-m", "pytest", "-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-n", "0")
SEED = "--hypothesis-seed=0"
FIRST = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


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
    """A private copy of what the tests need, which a mutant may change.

    Args:
        folder: where the copy goes; it must not exist.
        root: the tree that is copied.
    """

    def __init__(self, folder: Path, root: Path = ROOT, timeout: float = TIMEOUT) -> None:
        self.folder, self.timeout = folder, timeout
        folder.mkdir(parents=True)
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=SKIPPED)
            elif source.exists():
                shutil.copy(source, folder / name)

    def tests(self, names: Iterable[str]) -> Outcome:
        """Run tests on the copy as it is."""
        started = perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "exporter"), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [sys.executable, *PYTEST, SEED, *names],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with whatever compilers and emulators the tests have started
            process.communicate()
            return Outcome(Fate.TIMED_OUT, "", perf_counter() - started)
        seconds = perf_counter() - started
        if process.returncode == 0:
            return Outcome(Fate.SURVIVED, "", seconds)
        first = FIRST.search(said)
        if process.returncode == 1 and first is not None:
            return Outcome(Fate.KILLED, first.group(1), seconds)
        return Outcome(Fate.BROKEN, " / ".join(said.strip().splitlines()[-3:]), seconds)

    def trial(self, mutant: Mutant, names: Iterable[str]) -> Outcome:
        """Run tests on the copy with one mutant in it, and take the mutant out again."""
        path = self.folder / mutant.file
        sound = path.read_text()
        path.write_text(mutant.applied(sound))
        try:
            return self.tests(names)
        finally:
            path.write_text(sound)
