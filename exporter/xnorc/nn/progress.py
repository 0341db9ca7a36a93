# SPDX-License-Identifier: Apache-2.0
"""What a training shows and writes while it runs: a Rich bar, and one record an epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from xnorc.nn.learner import Learner


@dataclass(frozen=True)
class Epoch:
    """One line of the log.

    Attributes:
        phase: `stage 1`, `stage 2`, ..., `teacher stage 1`, ...
        epoch: from 1.
        epochs: how many the phase has.
        loss: mean training loss.
        accuracy: on the held-out split, 0..1.
        seconds: since this process began the phase.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    seconds: float


class Recorder(lightning.Callback):
    """Appends every epoch to `log` (JSON lines) and hands it to `report`."""

    def __init__(self, phase: str, log: Path, report: Callable[[Epoch], None] | None) -> None:
        self.phase, self.log_file, self.report, self.began = phase, log, report, time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        seconds = round(time.monotonic() - self.began, 2)
        record = Epoch(
            self.phase,
            trainer.current_epoch + 1,
            pl_module.stage.epochs,
            round(pl_module.train_loss, 5),
            pl_module.accuracy,
            seconds,
        )
        if not trainer.is_global_zero:
            return
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(record)) + "\n")
        if self.report is not None:
            self.report(record)


class Bar(lightning.Callback):
    """One Rich bar over all steps of a phase, on standard error; nothing is drawn where that is no terminal."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        self.progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.is_global_zero and self.progress.console.is_terminal:
            self.progress.start()
            total = int(trainer.estimated_stepping_batches)
            self.task = self.progress.add_task(self.phase, total=total, completed=trainer.global_step, state="")

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any) -> None:
        if self.progress.live.is_started:
            self.progress.update(self.task, completed=trainer.global_step)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.progress.live.is_started:
            assert isinstance(pl_module, Learner)
            epoch, epochs = trainer.current_epoch + 1, pl_module.stage.epochs
            state = f"epoch {epoch}/{epochs}  loss {pl_module.train_loss:.3f}  held-out {pl_module.accuracy:.2%}"
            self.progress.update(self.task, state=state)

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        if self.progress.live.is_started:
            self.progress.stop()
