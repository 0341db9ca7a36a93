# SPDX-License-Identifier: Apache-2.0
"""python -m tests.fuzz [-n COUNT] [--seed FIRST] [--jobs JOBS] [--out FOLDER] [--shrink]; `make fuzz` runs it.

Exits with 1 if anything was found; each finding lies in FOLDER as a file that shows it when run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .campaign import Summary, campaign, try_recipe
from .generate import random_recipe
from .network import text_of
from .recipe import NotANetwork, Recipe
from .shrink import shrink


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("-n", type=int, default=2000, help="how many networks")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--shrink", action="store_true", help="make one finding of each kind small")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    seeds = range(chosen.seed, chosen.seed + chosen.n)
    log = (chosen.out / "outcomes.txt").open("w", buffering=1)
    for seed, outcome, summary in campaign(seeds, chosen.jobs, chosen.out):
        log.write(
            f"{seed} {outcome.status} {outcome.reason} | {outcome.detail if outcome.status == 'refused' else ''}\n"
        )
        if outcome.status == "finding":
            print(f"seed {seed}: {outcome.reason}", flush=True)
        if summary.networks % 50 == 0:
            print(summary.table().splitlines()[0], flush=True)
    (chosen.out / "summary.txt").write_text(summary.table() + "\n")
    if chosen.shrink:
        for reason in {outcome.reason for _, outcome in summary.findings}:
            seed = next(s for s, outcome in summary.findings if outcome.reason == reason)
            small(seed, reason, chosen.out)
    print(summary.table())
    return 1 if summary.findings else 0


def small(seed: int, reason: str, out: Path) -> None:
    """Shrink the network of a seed while its finding stays the same; write it as out/small_<seed>.py."""

    def fails(recipe: Recipe) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            found = try_recipe(recipe, Path(folder))
        return (found.status, found.reason) == ("finding", reason)

    made = shrink(random_recipe(seed), fails)
    (out / f"small_{seed}.py").write_text(text_of(made, f"{reason}\n\n{made!r}\n"))
    print(f"{out / f'small_{seed}.py'}: {reason}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotANetwork as error:
        sys.exit(f"{error}")
