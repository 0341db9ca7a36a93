# SPDX-License-Identifier: Apache-2.0
"""One trained network (row, seed) in; everything that the study says of it out, as JSON-able data.

Float top-1 (fp32, eval mode), the exported program and how far it is from PyTorch, its top-1 as C on this machine with
every logit equal to numpy's, and its flash, RAM and instructions on emulated boards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench.binarizers.training import seconds_of, trained_by
from xnorc.data import DataSet, Samples
from xnorc.errors import CaptureError, FitError, LowerError
from xnorc.program import Program, digest

if TYPE_CHECKING:
    from xnorc.lower import Lowered

BOARDS = ("mps2_an386", "microbit")
"""Emulated boards: the first (Cortex-M4) gives the figures of the table, the second (Cortex-M0, 16 KiB of RAM) where
it fits."""
CALIBRATION = 512  # images of the training split, drawn with seed 0
COMPARED = 200  # test images of which every tensor is compared with PyTorch's
PROVED = 1000  # test images of which every logit of the C program is compared with numpy's
COUNTED = 8  # test images, spread over the split, that run on each board; of the first, every tensor is compared

OnStep = Callable[[str, int, int], None]  # (what, done, of)


def measure_seed(folder: Path, data: DataSet, on_step: OnStep, out: Path | None = None) -> dict[str, Any]:
    """Measure the finished training in `folder`; programs and builds go to `out` (default: FOLDER/export).

    Returns:
        {train, float_top1, integer, boards, refused}; the last three as in docs/binarizers.md.

    Raises:
        XnorcError: no finished training; a device that is not the program; a missing tool.
    """
    import torch

    from xnorc.nn import checkpoint

    torch.set_num_threads(1)
    run, log = checkpoint.read_run(folder), checkpoint.read_log(folder)
    network = checkpoint.load(folder)
    labels = _float_labels(network, data.test, on_step)
    stage = [line["accuracy"] for line in log if line["phase"] == log[-1]["phase"]]
    best = max(range(len(stage)), key=stage.__getitem__)
    record: dict[str, Any] = {
        "train": {
            "seconds": seconds_of(log),
            "epochs": len(log),
            "machine": trained_by(folder),
            **{key: run.get(key) for key in ("torch", "threads", "precision", "compiled")},
        },
        "float_top1": {
            "last": _share(labels == data.test.y),
            "best_epoch": round(stage[best], 6),
            "best_at": best + 1,
        },
        "integer": None,
        "boards": {},
        "refused": None,
    }
    on_step("export", 0, 1)
    try:
        lowered, record["integer"] = _exported(network, data, run, out or folder / "export")
    except (CaptureError, LowerError) as error:
        record["refused"] = without_folders(str(error))
        return record
    program = lowered.program
    ran, told = _on_host(program, data.test, labels, out or folder / "export", on_step)
    record["integer"] |= told
    record["integer"]["exact_sums"] = _exact_sums(lowered, data.test, labels, ran) if lowered.exact else None
    record["boards"] = {name: _on_board(program, name, data.test, out or folder / "export", on_step) for name in BOARDS}
    return record


def _float_labels(network: Any, test: Samples, on_step: OnStep) -> np.ndarray:
    import torch

    found = []
    with torch.no_grad():
        for i in range(0, len(test), 500):
            on_step("float", i, len(test))
            found.append(network(torch.from_numpy(test.take(slice(i, i + 500)).floats())).argmax(1).numpy())
    return np.concatenate(found)


def calibration(train: Samples) -> np.ndarray:
    """uint8 (CALIBRATION, h, w, ch): the same images for every row and seed; none of them is a test image."""
    chosen = np.random.default_rng(0).choice(len(train), min(CALIBRATION, len(train)), replace=False)
    return train.x[np.sort(chosen)]


def _exported(network: Any, data: DataSet, run: dict[str, Any], out: Path) -> tuple[Lowered, dict[str, Any]]:
    """What `xnorc.export` and `xnorc verify` do, on one lowering."""
    import torch

    from xnorc.exporting import Exported, lower_module, write
    from xnorc.oracle.compare import compare
    from xnorc.oracle.judge import judge

    h, w, c = data.test.shape
    example = torch.zeros(1, c, h, w)
    options = {"calibration": calibration(data.train), "mean": run["mean"], "std": run["std"]}
    lowered = lower_module(network, example, name="finn_cnv", **options)
    write(Exported(lowered, judge(lowered)), out / "program")
    found = compare(lowered, data.test.x[:COMPARED], data.test.y[:COMPARED])
    bits = sum(row.elements for row in found.rows if row.kind == "bit")
    return lowered, {
        "digest": digest(lowered.program).hex(),
        "compared_images": found.images,
        "bits": bits,
        "differing_bits": found.differing_bits,
        "notes": [without_folders(note) for note in lowered.program.notes],
    }


def _exact_sums(lowered: Lowered, test: Samples, torchs: np.ndarray, ours: np.ndarray) -> dict[str, Any]:
    """What differs still when PyTorch's float32 sums are made exact: of the images whose bits were compared, and of
    those whose labels `torchs` and `ours` (N,) are not the same."""
    from xnorc.oracle.compare import compare

    left = 0
    if len(differ := np.flatnonzero(torchs != ours)):
        left = len(differ) - compare(lowered, test.x[differ], exact_sums=True).same_labels
    return {
        "same_labels": len(test) - left,
        "differing_bits": compare(lowered, test.x[:COMPARED], exact_sums=True).differing_bits,
    }


def _on_host(
    program: Program, test: Samples, labels: np.ndarray, out: Path, on_step: OnStep
) -> tuple[np.ndarray, dict[str, Any]]:
    """The labels (N,) of the C program, and what to tell of them beside PyTorch's `labels`."""
    from xnorc.deploy import running
    from xnorc.link.session import Sample, Verify, stream_samples
    from xnorc.targets.host import Host

    def told(sample: Sample) -> None:
        on_step("host C", sample.done, len(test))

    proved = test.take(slice(PROVED))
    with running(program, Host(), out / "host") as device:
        stream_samples(device.client, proved.x, proved.y, program, Verify.LOGITS, told)
        ran = stream_samples(device.client, test.x, test.y, program, Verify.NONE, told)
    return ran.labels, {
        "top1": _share(ran.labels == test.y),
        "images": len(test),
        "same_labels": int((ran.labels == labels).sum()),
        "logits_equal_to_numpy": len(proved),  # stream_samples has raised at the first that is not
    }


def _on_board(program: Program, name: str, test: Samples, out: Path, on_step: OnStep) -> dict[str, Any]:
    from xnorc.boards import load
    from xnorc.deploy import running
    from xnorc.link.session import Verify, stream_samples
    from xnorc.targets.qemu import Qemu

    chosen = np.linspace(0, len(test) - 1, COUNTED).astype(int)
    x, y, target = test.x[chosen], test.y[chosen], Qemu(load(name))
    try:
        with running(program, target, out / name) as device:
            stream_samples(device.client, x[:1], y[:1], program, Verify.TENSORS)
            ran = stream_samples(device.client, x, y, program, Verify.LOGITS, lambda s: on_step(name, s.done, COUNTED))
            counts = [target.count(int(ticks)) for ticks in ran.ticks]
            assert device.firmware is not None
            image, plan = device.firmware.image, device.plan
    except FitError as error:
        return {"fits": False, "why": without_folders(str(error))}
    return {
        "fits": True,
        "core": target.core,
        "flash": {"model": plan.flash, "image": image.flash, "constants_besides_weights": _besides_weights(plan)},
        "ram": {"arena": plan.arena, "total": image.ram},
        "instructions": {"mean": round(float(np.mean(counts)), 1), "min": min(counts), "max": max(counts)},
        "images": COUNTED,
        "logits_equal_to_numpy": COUNTED,  # as above
        "tensors_equal_to_numpy": 1,
    }


def _besides_weights(plan: Any) -> int:
    """Bytes of constants that are no weights of a convolution or linear layer: thresholds, flips, tiles, tables."""
    arrays = (entry for step in plan.steps for entry in step.arrays)
    return sum(array.nbytes for name, array in arrays if not name.endswith(("_weights", "_wide", "_signs")))


def _share(right: np.ndarray) -> float:
    return round(float(right.mean()), 6)


def without_folders(text: str) -> str:
    """`text` with every absolute path cut to its file's name: committed files name no machine's folders."""
    return re.sub(r"(?<![\w.])/(?:[^\s/:()]+/)+", "", text)
