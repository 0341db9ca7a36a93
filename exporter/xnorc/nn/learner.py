# SPDX-License-Identifier: Apache-2.0
"""One stage of a recipe as a LightningModule: loss, optimiser, schedule, surrogate schedule, clipping."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.data import Samples
from xnorc.nn.batches import as_floats, augment
from xnorc.nn.binarizer import Binarizer
from xnorc.nn.layers import clip_latent, set_real_weights
from xnorc.nn.recipe import Stage
from xnorc.nn.surrogates import set_progress

LAYOUTS = {False: torch.contiguous_format, True: torch.channels_last}
"""Whether compiled -> how maps lie in memory.  Channels last saves a third of a compiled step's time on a CPU."""


class Learner(lightning.LightningModule):
    """Trains `network` as `stage` says.

    Args:
        network: float (B, C, H, W) -> logits.
        stage: see `Stage`.
        about: any samples of the data set, for their normalisation.
        seed: of shuffling and augmentation in this stage.
        teacher: real-valued network for `stage.distil`, or None.
        compiled: let torch.compile fuse the training step (the weights stay those of `network`).

    Held-out images are always measured at full precision and uncompiled: what is reported is what will be exported.

    Attributes:
        accuracy: share of held-out images labelled correctly after the last finished epoch.
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        stage: Stage,
        about: Samples,
        seed: int,
        teacher: nn.Module | None,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        set_real_weights(network, stage.real_weights)  # here, since DDP counts parameters before any hook
        self._layout = LAYOUTS[compiled]
        network = network.to(memory_format=self._layout)  # type: ignore[call-overload]  # their stub lacks it
        self._fast = [torch.compile(network) if compiled else network]  # in a list: the weights have one owner
        self.network, self.stage, self.seed = network, stage, seed
        self._teacher = [teacher.eval().requires_grad_(False)] if teacher is not None else []  # not in the checkpoint
        self.register_buffer("mean", _column(about.mean), persistent=False)
        self.register_buffer("std", _column(about.std), persistent=False)
        self.accuracy = math.nan
        self._losses: list[Tensor] = []
        self._right: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """uint8 (B, C, H, W) -> logits."""
        logits: Tensor = self.network(as_floats(x, self.mean, self.std))
        return logits

    def on_fit_start(self) -> None:
        for teacher in self._teacher:
            teacher.to(self.device)

    @property
    def train_loss(self) -> float:
        """Mean loss of the epoch so far."""
        return float(torch.stack(self._losses).mean()) if self._losses else math.nan

    def on_train_epoch_start(self) -> None:
        set_progress(self.network, self.current_epoch / self.stage.epochs)
        self._losses.clear()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        x, y = batch
        # From (seed, step, rank) alone, so that a resumed training augments as an uninterrupted one would.
        mark = (self.seed * 1_000_003 + self.global_step) * 1009 + self.global_rank
        x = augment(x, self.stage.flip, self.stage.crop, torch.Generator(x.device).manual_seed(mark))
        logits: Tensor = self._fast[0](as_floats(x, self.mean, self.std).contiguous(memory_format=self._layout))
        loss = self.loss(logits, y, x) if self.stage.distil else self.label_loss(logits, y)
        self._losses.append(loss.detach())
        return loss

    def label_loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Mean loss against the labels."""
        if self.stage.loss == "squared_hinge":
            target = functional.one_hot(y, logits.shape[1]) * 2 - 1
            return (1 - logits * target).clamp_min(0).square().mean()
        return functional.cross_entropy(logits, y, label_smoothing=self.stage.smoothing)

    def loss(self, logits: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """distil * soft cross-entropy with the teacher + (1 - distil) * loss against the labels."""
        with torch.no_grad():
            taught = self._teacher[0](as_floats(x, self.mean, self.std)).softmax(1)
        soft = functional.cross_entropy(logits, taught)
        share = self.stage.distil
        return soft if share == 1 else share * soft + (1 - share) * self.label_loss(logits, y)

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        if self.stage.clip and not self.stage.real_weights:
            clip_latent(self.network)

    def on_validation_epoch_start(self) -> None:
        self._right.clear()

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            self._right.append((self(batch[0]).argmax(1) == batch[1]).to(torch.float32))

    def on_validation_epoch_end(self) -> None:
        right = torch.cat(self._right)
        totals = self.all_gather(torch.stack([right.sum(), right.new_tensor(float(len(right)))]))
        assert isinstance(totals, Tensor)
        correct, seen = totals.reshape(-1, 2).sum(0).tolist()
        self.accuracy = correct / seen

    def configure_optimizers(self) -> Any:
        stage, steps = self.stage, int(self.trainer.estimated_stepping_batches)
        warmup = round(stage.warmup * steps / stage.epochs)
        optimiser = _optimiser(self.network, stage)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate(stage, step, warmup, steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def learning_rate(stage: Stage, step: int, warmup: int, steps: int) -> float:
    """Factor on `stage.lr` at `step` of `steps`: linear rise over `warmup` steps, then the schedule to `lr_last`."""
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    last = stage.lr_last / stage.lr if stage.lr else 0.0
    left = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[stage.schedule]
    return last + (1 - last) * left


def _optimiser(network: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    learned = {id(p) for m in network.modules() if isinstance(m, Binarizer) for p in m.parameters()}  # LAB's taps too
    for parameter in network.parameters():
        is_conv = parameter.dim() == 4 and id(parameter) not in learned
        decays = stage.decay == "all" or (stage.decay == "conv" and is_conv)
        (decayed if decays else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if stage.optimiser == "sgd":
        return torch.optim.SGD(groups, stage.lr, momentum=0.9)
    return (torch.optim.AdamW if stage.optimiser == "adamw" else torch.optim.Adam)(groups, stage.lr)


def _column(values: tuple[float, ...] | None) -> Tensor | None:
    return None if values is None else torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1)
