# SPDX-License-Identifier: Apache-2.0
"""Train what is missing of a row: (row, seed, scale) in, a folder as `xnorc.nn.checkpoint` describes it out.

Beside the log lies machine.json: the machine that trained.  A second call with the same folder goes on where the first
was stopped; a finished folder is left as it is.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench.binarizers.rows import RECIPES, Row
from xnorc.errors import DataError, XnorcError

OnEpoch = Callable[[int, dict[str, Any]], None]  # (seed, line of log.jsonl)


@dataclass(frozen=True)
class How:
    """What a training runs on: see `xnorc.nn.train.Machine`."""

    accelerator: str = "auto"
    precision: str = "bf16-mixed"
    compiled: bool = True


def folder_of(work: Path, row: Row, scale: str, seed: int) -> Path:
    """Where a training lies: WORK/ROW/SEED, of other scales than `small` WORK/SCALE/ROW/SEED."""
    return (work if scale == "small" else work / scale) / row.name / str(seed)


def is_finished(folder: Path, row: Row, scale: str) -> bool:
    """Whether a trained network of this very recipe lies in `folder`.

    Raises:
        DataError: another training lies there.
    """
    from xnorc.nn.recipe import load_recipe

    if not (folder / "run.json").is_file():
        return False
    wanted = load_recipe(RECIPES[scale])
    wanted = replace(wanted, network={**wanted.network, **row.network})
    found = load_recipe(str(folder / "recipe.toml"))
    if (found.network, found.stages) != (wanted.network, wanted.stages):
        raise DataError(str(folder), f"holds a training of another recipe than {row.name} asks for", "another --work")
    return True


def train_missing(
    row: Row, seeds: list[int], scale: str, data: Path | None, work: Path, how: How, jobs: int, on_epoch: OnEpoch
) -> None:
    """Train every seed that is not finished, `jobs` of them side by side, each a process with one thread.

    Raises:
        XnorcError: what `xnorc.nn.train.train` raises; or a folder in which another process trains.
    """
    missing = [seed for seed in seeds if not is_finished(folder_of(work, row, scale, seed), row, scale)]
    if not missing:
        return
    told = dict.fromkeys(missing, 0)

    def tell() -> None:
        for seed in missing:
            for line in _log(folder_of(work, row, scale, seed))[told[seed] :]:
                told[seed] += 1
                on_epoch(seed, line)

    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        futures = [pool.submit(_train, row, s, scale, data, folder_of(work, row, scale, s), how) for s in missing]
        while not all(future.done() for future in futures):
            time.sleep(0.5)
            tell()
        for future in futures:
            if (failure := future.result()) is not None:
                raise XnorcError(*failure)
    tell()


def _train(row: Row, seed: int, scale: str, data: Path | None, folder: Path, how: How) -> tuple[str, str, str] | None:
    """In a process of its own; an XnorcError comes back as its three words, which survive pickling."""
    import torch

    from xnorc.data import cifar10
    from xnorc.nn.train import Machine, train

    torch.set_num_threads(1)  # the same weights whatever the number of cores
    machine = Machine(accelerator=how.accelerator, precision=how.precision, compiled=how.compiled)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".training"):
            (folder / "machine.json").write_text(json.dumps(this_machine(), indent=1) + "\n", encoding="utf-8")
            overrides = dict(row.network)
            train(
                RECIPES[scale],
                cifar10(data),
                folder,
                seed=seed,
                resume=True,
                progress=False,
                machine=machine,
                **overrides,
            )
    except XnorcError as error:
        return error.where, error.what, error.hint
    return None


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a file lock; the file stays.

    Raises:
        DataError: another process holds it, and `wait` is false.
    """
    with path.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            raise DataError(str(path.parent), "another process trains here", "wait for it, or --no-train") from None
        yield


def this_machine() -> dict[str, Any]:
    """What a figure of time depends on: processor, cores, accelerator, torch."""
    import torch

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": str(torch.__version__),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def trained_by(folder: Path) -> dict[str, Any] | None:
    """machine.json, or None where a training left none."""
    path = folder / "machine.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def seconds_of(log: list[dict[str, Any]]) -> float:
    """Wall-clock seconds of a training by its log: each process and phase counts from 0, so falls start anew."""
    total, before, phase = 0.0, 0.0, None
    for line in log:
        if line["phase"] != phase or line["seconds"] < before:
            before, phase = 0.0, line["phase"]
        total, before = total + line["seconds"] - before, line["seconds"]
    return round(total, 1)


def _log(folder: Path) -> list[dict[str, Any]]:
    path = folder / "log.jsonl"
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
