# SPDX-License-Identifier: Apache-2.0
"""Images as the files that MLPerf Tiny's runner reads: TASK/NAME.bin each, and TASK/y_labels.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnorc.errors import DataError
from xnorc.mlperf.measuring import sent
from xnorc.mlperf.task import Task


def write_truth(x: np.ndarray, y: Sequence[int], task: Task, folder: Path) -> Path:
    """Write the folder that the runner is given as --dataset_path.

    Returns:
        the truth file.

    Raises:
        DataError: the folder has such files already.
    """
    out = folder / task.name
    truth = out / "y_labels.csv"
    if truth.exists():
        raise DataError(str(truth), "is there already", "a new folder")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (image, label) in enumerate(zip(x, y, strict=True)):
        (out / f"{index:05}.bin").write_bytes(sent(image, task.flip))
        rows.append(f"{index:05}.bin,{task.scores},{label}\n")
    truth.write_text("".join(rows))
    return truth
