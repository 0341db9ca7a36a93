# SPDX-License-Identifier: Apache-2.0
"""Many networks, one after the other or in processes, and what came of them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch.export import exported_program

from .generate import random_recipe
from .judge import Outcome, judge
from .network import network
from .recipe import NotANetwork, Recipe


@dataclass
class Summary:
    """Counts of a campaign.

    Attributes:
        refusals: reason -> how many networks.
        findings: (seed, outcome).
    """

    exact: int = 0
    rounded: int = 0
    invalid: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, Outcome]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())

    @property
    def networks(self) -> int:
        return self.exact + self.rounded + self.refused + len(self.findings)

    def add(self, seed: int, outcome: Outcome) -> None:
        """Count one."""
        if outcome.status == "finding":
            self.findings.append((seed, outcome))
        elif outcome.status == "refused":
            self.refusals[outcome.reason] += 1
        else:
            setattr(self, outcome.status, getattr(self, outcome.status) + 1)

    def table(self) -> str:
        """For people."""
        exported = self.exact + self.rounded
        share = 100 * exported / max(1, self.networks)
        lines = [
            f"{self.networks} networks in {self.seconds:.0f} s: {self.exact} exact, {self.rounded} rounded "
            f"({share:.0f} % exported), {self.refused} refused, {len(self.findings)} findings",
            *(f"{count:6d}  refused: {reason}" for reason, count in self.refusals.most_common()),
        ]
        kinds: dict[str, list[int]] = {}
        for seed, outcome in self.findings:
            kinds.setdefault(outcome.reason, []).append(seed)
        lines += [f"{len(seeds):6d}  FINDING: {reason} (seeds {seeds[:12]})" for reason, seeds in kinds.items()]
        return "\n".join(lines)


KEPT = 10  # of so many networks whose answer is the same for every image one is judged: that they are refused


def try_recipe(recipe: Recipe, folder: Path) -> Outcome:
    """Build and judge in `folder`.

    Raises:
        NotANetwork: PyTorch does not run it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = network(recipe, folder / "net.py")
        if made.is_dead and recipe.seed % KEPT:
            raise NotANetwork("it answers the same to every image")
        return judge(made, folder)


def try_seed(seed: int, keep: Path | None = None) -> tuple[int, Outcome]:
    """One network; `keep`: where the file of a finding goes."""
    torch.set_num_threads(1)
    _quicker()
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = try_recipe(random_recipe(seed), Path(folder))
        except NotANetwork as error:
            return seed, Outcome("invalid", str(error)[:80])
        if outcome.status == "finding" and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            text = (Path(folder) / "net.py").read_text()
            (keep / f"seed_{seed}.py").write_text(text)
            (keep / f"seed_{seed}.txt").write_text(f"{outcome.reason}\n{outcome.detail}\n")
        return seed, outcome


def _quicker() -> None:
    """torch.export lists all of torch's operations anew for every network, and makes much that is never freed."""
    if not hasattr(exported_program._collect_all_valid_cia_ops, "cache_info"):
        listed = lru_cache(maxsize=1)(exported_program._collect_all_valid_cia_ops)
        exported_program._collect_all_valid_cia_ops = listed
        gc.set_threshold(50_000, 20, 50)


def campaign(seeds: Iterable[int], jobs: int = 1, keep: Path | None = None) -> Iterator[tuple[int, Outcome, Summary]]:
    """Outcomes as they come, with the summary so far."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    summary, start = Summary(), time.monotonic()
    task = partial(try_seed, keep=keep)
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=400) as pool:
        for seed, outcome in pool.imap_unordered(task, seeds):
            if outcome.status == "invalid":
                summary.invalid += 1
            else:
                summary.add(seed, outcome)
            summary.seconds = time.monotonic() - start
            yield seed, outcome, summary
