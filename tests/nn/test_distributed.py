# SPDX-License-Identifier: Apache-2.0
"""Two processes train one network (DDP on the CPU): the files are written once, and hold the two-stage network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from xnorc.nn import checkpoint

RECIPE = """
data = "digits"

[network]
name = "digits"
width = 0.25
binarizer = "rsign"
weight = "wsd"

[[stage]]
epochs = 1
batch = 256
lr = 1e-2
real_weights = true

[[stage]]
epochs = 2
batch = 256
lr = 1e-2
"""


def test_two_processes_train_both_stages(tmp_path: Path) -> None:
    """The weight binarizer has parameters that the first stage does not use: DDP must not wait for them."""
    (tmp_path / "two.toml").write_text(RECIPE)
    words = [sys.executable, "-m", "xnorc", "train", "two.toml", "--out", "out", "--devices", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, "--accelerator", "cpu"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("on the held-out split") == 1, done.stdout
    log = checkpoint.read_log(tmp_path / "out")
    assert [(line["phase"], line["epoch"]) for line in log] == [("stage 1", 1), ("stage 2", 1), ("stage 2", 2)]
    assert len((tmp_path / "out" / "log.jsonl").read_text().splitlines()) == 3  # once, not by each process
    network = checkpoint.load(tmp_path / "out")
    with torch.no_grad():
        assert network(torch.rand(3, 1, 8, 8)).isfinite().all()
    assert not (tmp_path / "out" / "unfinished").exists()
