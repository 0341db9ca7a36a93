# SPDX-License-Identifier: Apache-2.0
"""Apply one small fault at a time to the exporter's core, and report those that no test notices (`make mutants`).

Each mutant names the few tests that must notice it; only these run.  First they must all pass on the sound tree.
Exits with 1 if a mutant survives, with 2 if the sound tree fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from .mutant import Mutant, all_mutants, chosen
from .trial import ROOT, SLOW, TIMEOUT, Copy, Fate, Outcome


def tried(mutants: list[Mutant], copies: list[Copy], all_tests: bool = False) -> Iterator[tuple[Mutant, Outcome]]:
    """Each mutant and its outcome, in order, each copy working on one mutant at a time."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> Outcome:
        copy = free.get()
        try:
            return copy.trial(mutant, ("tests",) if all_tests else mutant.tests)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from zip(mutants, pool.map(one, mutants), strict=True)


def main(
    arguments: list[str] | None = None,
    root: Path = ROOT,
    mutants: list[Mutant] | None = None,
    slow: tuple[str, ...] = SLOW,
) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--only", metavar="TEXT", action="append", default=[], help="mutants whose name or file contains this"
    )
    parser.add_argument("--all-tests", action="store_true", help="run the whole suite on each, not the tests it names")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants at once, each in its own copy")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for the tests of one mutant")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there as well")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    given = parser.parse_args(arguments)
    picked = chosen(all_mutants() if mutants is None else mutants, given.only)
    if not picked:
        parser.error(f"no mutant's name or file contains {' or '.join(given.only)}")
    if given.list:
        for mutant in picked:
            print(f"{mutant.name:44} {mutant.file}\n    {mutant.breaks}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        places = [Path(folder) / str(i) for i in range(max(1, given.jobs))]
        copies = [stack.enter_context(Copy(place, root, given.timeout, slow)) for place in places]
        named = ["tests"] if given.all_tests else sorted({test for mutant in picked for test in mutant.tests})
        sound = copies[0].tests(named)
        if sound.fate is not Fate.SURVIVED:
            print(f"the tests do not pass on the sound tree: {sound.by or sound.fate}")
            return 2
        print(f"the tests pass on the sound tree, in {sound.seconds:.0f} s; {len(picked)} mutants", flush=True)
        outcomes: list[tuple[Mutant, Outcome]] = []
        for mutant, outcome in tried(picked, copies, given.all_tests):
            outcomes.append((mutant, outcome))
            print(f"{mutant.name:44} {outcome.fate:10} {outcome.seconds:6.1f} s  {outcome.by}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps([_row(*pair) for pair in outcomes], indent=1) + "\n")
    fates = Counter(outcome.fate for _, outcome in outcomes)
    print(f"{len(outcomes)} mutants: " + ", ".join(f"{fates[fate]} {fate}" for fate in Fate))
    missed = [(mutant, outcome) for mutant, outcome in outcomes if not outcome.noticed]
    for mutant, outcome in missed:
        print(f"{outcome.fate}: {mutant.name} ({mutant.file}): {mutant.breaks}")
    return 1 if missed else 0


def _row(mutant: Mutant, outcome: Outcome) -> dict[str, object]:
    return {
        "mutant": mutant.name,
        "file": mutant.file,
        "breaks": mutant.breaks,
        "fate": outcome.fate.value,
        "by": outcome.by,
        "seconds": round(outcome.seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
