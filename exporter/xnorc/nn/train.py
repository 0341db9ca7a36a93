# SPDX-License-Identifier: Apache-2.0
"""Training: a recipe, a data set and a seed in; a folder with the trained network out (see `checkpoint`)."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from xnorc.data import DataSet, digits
from xnorc.errors import XnorcError
from xnorc.nn import checkpoint
from xnorc.nn.batches import loader
from xnorc.nn.layers import set_real_weights
from xnorc.nn.learner import Learner
from xnorc.nn.networks import with_choices
from xnorc.nn.progress import Bar, Epoch, Recorder
from xnorc.nn.recipe import Recipe, Stage, load_recipe, to_toml
from xnorc.writing import staged_file

ACCELERATORS = ("auto", "cpu", "gpu", "mps")
PRECISIONS = ("32-true", "bf16-mixed")
Report = Callable[[Epoch], None]


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        folder: see `xnorc.nn.checkpoint` for what lies there.
        network: in eval mode, on the CPU.
        accuracy: of the last epoch on the held-out split, 0..1.  No epoch was selected by it.
    """

    folder: Path
    network: nn.Module
    accuracy: float


@dataclass(frozen=True)
class Machine:
    """How Lightning runs: see its Trainer.

    Attributes:
        accelerator: `auto` takes a GPU where there is one.
        devices, nodes: above 1, training is distributed (DDP); `Stage.batch` is then the batch of each device.
        precision: `bf16-mixed` is for speed: sums above 256 are rounded while training, not on the device.
        compiled: torch.compile fuses the training step; needs a C++ compiler, pays off after some hundred steps.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"
    compiled: bool = False

    @property
    def deterministic(self) -> Literal[True, "warn"]:
        """True on a CPU, where every operation used here repeats bit for bit; elsewhere as far as torch can."""
        return True if self.accelerator == "cpu" or not torch.accelerator.is_available() else "warn"


def train(
    recipe: Recipe | str,
    data: DataSet,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    progress: bool = True,
    report: Report | None = None,
    machine: Machine | None = None,
    **network: Any,
) -> Trained:
    """Train as a recipe says.  On a CPU the same recipe, data, seed and thread count give the same weights.

    Args:
        recipe: a shipped recipe's name, a path, or a `Recipe`.
        data: trained on its `train`, measured on its `test` after every epoch.
        out: folder for the result; made if need be.
        seed: of initial weights, order and augmentation.
        resume: go on from the last finished epoch in `out`, if there is one, instead of starting anew.
        progress: draw a bar on standard error where that is a terminal.
        report: called after every epoch.
        machine: see `Machine`.
        network: overrides of the recipe's [network], such as binarizer="rsign"; options that only the recipe's own
            binarizer has go with it.

    Raises:
        XnorcError: a recipe that cannot be, or a resumed training that was another one.
    """
    asked = load_recipe(recipe) if isinstance(recipe, str) else recipe
    asked = replace(asked, network=with_choices(asked.network, network))
    parts = out / "unfinished"
    shape, classes = data.train.shape, data.train.n_classes
    for options in (asked.network, *([asked.teacher] if asked.teacher_stages else [])):
        with torch.device("meta"):
            checkpoint.build_network(options, classes, shape)  # what cannot be built must not cost an earlier training
    if is_first():
        _prepare(out, parts, f"# seed {seed}, data {data.name}\n{to_toml(asked)}", resume)
    machine = machine or Machine()
    run = _Run(data, out / "log.jsonl", parts, seed, progress, report, machine)
    with _undisturbed():
        teacher = None
        if asked.teacher_stages:
            torch.manual_seed(seed + 1)
            teacher = checkpoint.build_network(asked.teacher, classes, shape)
            run.stages("teacher stage", teacher, asked.teacher_stages, None)
        torch.manual_seed(seed)
        trained = checkpoint.build_network(asked.network, classes, shape)
        accuracy = run.stages("stage", trained, asked.stages, teacher)
    plain = torch.contiguous_format
    trained = trained.cpu().to(memory_format=plain).eval()  # type: ignore[call-overload]  # their stub lacks it
    set_real_weights(trained, False)
    about = {
        "seed": seed,
        "data": data.name,
        "shape": shape,
        "classes": classes,
        "mean": data.train.mean,
        "std": data.train.std,
        "note": data.test.note,
        "accuracy": accuracy,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": machine.precision,
        "compiled": machine.compiled,
    }
    if is_first():
        checkpoint.save(out, trained, asked, about)
        shutil.rmtree(parts)
    return Trained(out, trained, accuracy)


def train_digits(out: Path, *, seed: int = 0, progress: bool = True, report: Report | None = None) -> Trained:
    """The demo network: the recipe `digits` on the embedded digits, under a minute on two processor cores."""
    return train("digits", digits(), out, seed=seed, progress=progress, report=report)


def is_first() -> bool:
    """Whether this process writes and tells: under DDP, one of several does."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _prepare(out: Path, parts: Path, asked: str, resume: bool) -> None:
    """Leave `parts` empty for a new training, or as it is for one that goes on."""
    want = parts / "asked.toml"
    if resume and want.is_file():
        if want.read_text(encoding="utf-8") != asked:
            raise XnorcError(str(out), "another recipe, seed or data set was being trained here", "without --resume")
        return
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    (out / "log.jsonl").unlink(missing_ok=True)
    want.write_text(asked, encoding="utf-8")


@dataclass
class _Run:
    """One training in progress: what all its stages share."""

    data: DataSet
    log: Path
    parts: Path
    seed: int
    progress: bool
    report: Report | None
    machine: Machine

    def stages(self, what: str, network: nn.Module, stages: tuple[Stage, ...], teacher: nn.Module | None) -> float:
        """Train `network` through `stages`, skipping finished ones; the last accuracy."""
        accuracy = 0.0
        for number, stage in enumerate(stages, 1):
            phase = f"{what} {number}"
            done = self.parts / f"{phase}.pt"
            if done.is_file():
                held = torch.load(done, weights_only=True)
                network.load_state_dict(held["network"])
                accuracy = held["accuracy"]
                continue
            accuracy = self.stage(phase, number, network, stage, teacher)
            if is_first():
                with staged_file(done) as staged:
                    torch.save({"network": network.state_dict(), "accuracy": accuracy}, staged)
        return accuracy

    def stage(self, phase: str, number: int, network: nn.Module, stage: Stage, teacher: nn.Module | None) -> float:
        """Train one stage from its own unfinished checkpoint, if there is one; its last accuracy."""
        seed = self.seed * 97 + number
        taught_by = teacher if stage.distil else None
        learner = Learner(network, stage, self.data.train, seed, taught_by, self.machine.compiled)
        unfinished = self.parts / phase
        keeper = ModelCheckpoint(unfinished, filename="last", save_top_k=1, enable_version_counter=False)
        trainer = lightning.Trainer(
            accelerator=self.machine.accelerator,
            devices=self.machine.devices,
            num_nodes=self.machine.nodes,
            precision=self.machine.precision,  # type: ignore[arg-type]  # a Literal of theirs
            max_epochs=stage.epochs,
            callbacks=[keeper, Recorder(phase, self.log, self.report), *([Bar(phase)] if self.progress else [])],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic=self.machine.deterministic,
        )
        found = unfinished / "last.ckpt"
        trainer.fit(
            learner,
            loader(self.data.train, stage.batch, seed=seed),
            loader(self.data.test, 500),
            ckpt_path=found if found.is_file() else None,
            weights_only=True,
        )
        if trainer.interrupted:
            raise KeyboardInterrupt
        return learner.accuracy


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A silent Lightning; its setting for deterministic kernels without the filling of memory that is written anyway.

    Both are put back afterwards."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    fills: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), fills.fill_uninitialized_memory
    fills.fill_uninitialized_memory = False
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on workers, loggers and checkpoint folders
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        fills.fill_uninitialized_memory = before[1]
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
