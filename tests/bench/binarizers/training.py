# SPDX-License-Identifier: Apache-2.0
"""Train one row with one seed; a second call with the same folder goes on where the first was stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from rows import RECIPES, Row

from xnorc.data import cifar10
from xnorc.nn.checkpoint import load_options
from xnorc.nn.train import Machine, train


def train_row(row: Row, seed: int, scale: str, data: Path, folder: Path, machine: Machine) -> None:
    """Leave a trained network in `folder`, unless one lies there; machine.json says what it took."""
    if (folder / "run.json").is_file():
        return
    torch.set_num_threads(1)  # the same figures on any machine, and several rows side by side
    began = time.monotonic()
    train(RECIPES[scale], cifar10(data), folder, seed=seed, resume=True, machine=machine, **row.network)
