# SPDX-License-Identifier: Apache-2.0
"""A program on labelled images, everywhere it can run (numpy, host C, a device), and what is found, as a `Report`."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnorc import __version__
from xnorc.boards import Board
from xnorc.data import Samples
from xnorc.deploy import Device, running
from xnorc.errors import DataError
from xnorc.link.session import DeviceRun, Sample, Verify, stream_samples
from xnorc.program import Program, digest
from xnorc.report.results import Accuracy, Agreement, Classification, Data, Report, Where, wrong_samples
from xnorc.report.rows import Layer, Memory, flash_memory, layers, ram_memory, spans

OnSample = Callable[[str, Sample], None]  # (target kind, sample)
OnText = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """Where the device is: its kind, the board (None on the host), and for `serial` its port."""

    kind: str
    board: Board | None = None
    port: str | None = None
    baud: int | None = None


def measure(
    program: Program,
    samples: Samples,
    target: Target,
    out: Path,
    *,
    data_name: str = "",
    pytorch: np.ndarray | None = None,
    on_sample: OnSample | None = None,
    on_text: OnText | None = None,
) -> Report:
    """Run every sample as integer program, as C on this machine, and on the target.

    Args:
        samples: images of the program's shape, and labels.
        out: folder for what is built.
        pytorch: labels (N,) that the float model gave the same samples; None leaves PyTorch out.
        on_sample: called after each sample of the host and of the target.
        on_text: gets lines of text that the device prints.

    Raises:
        DataError: the samples do not fit the program.
        FitError, ToolError, BoardError, LinkError: see `running` and `stream_samples`.
    """
    if samples.shape != program.input.shape:
        raise DataError(
            data_name or "data", f"images are {samples.shape}", f"{program.name} takes {program.input.shape}"
        )
    logits = program.run(samples.x)
    host = None
    if target.kind != "host":
        host, _ = _stream(program, samples, Target("host"), out, on_sample, on_text)
    device, on = _stream(program, samples, target, out, on_sample, on_text)
    return _report(program, samples, target, data_name, pytorch, logits, host, device, on)


def _stream(
    program: Program, samples: Samples, target: Target, out: Path, on_sample: OnSample | None, on_text: OnText | None
) -> tuple[DeviceRun, Device]:
    folder = out / (target.board.name if target.board is not None else "host")
    where = {"port": target.port, "baud": target.baud, "on_text": on_text}
    with running(program, target.kind, target.board, folder, **where) as device:  # type: ignore[arg-type]

        def told(sample: Sample) -> None:
            if on_sample is not None:
                on_sample(target.kind, sample)

        return stream_samples(device.client, samples.x, samples.y, program, Verify.NONE, told), device


def _report(
    program: Program,
    samples: Samples,
    target: Target,
    data_name: str,
    pytorch: np.ndarray | None,
    logits: np.ndarray,
    host: DeviceRun | None,
    device: DeviceRun,
    on: Device,
) -> Report:
    board, steps, labels = target.board, on.plan.steps, logits.argmax(axis=1)
    counts = [board.counts(target.kind, round(t)) for t in device.layer_ticks] if board is not None else None
    rows = layers(program, steps, counts)
    totals = [board.counts(target.kind, int(t)) for t in device.ticks] if board is not None else []
    on_host = host if host is not None else device
    return Report(
        model=program.name,
        digest=digest(program).hex(),
        where=_where(target),
        data=Data(data_name, len(samples), samples.classes, samples.note),
        accuracy=Accuracy(
            pytorch=None if pytorch is None else float((pytorch == samples.y).mean()),
            program=float((labels == samples.y).mean()),
            host=on_host.accuracy,
            device=device.accuracy,
        ),
        agreement=Agreement(
            samples=len(samples),
            pytorch_labels=None if pytorch is None else int((pytorch == labels).sum()),
            host_logits=int((on_host.logits == logits).all(axis=1).sum()),
            device_logits=int((device.logits == logits).all(axis=1).sum()),
        ),
        classification=Classification.of(device.labels, samples.y, program.logits.size),
        layers=rows,
        arena=spans(program, steps),
        arena_bytes=on.plan.arena,
        memories=_memories(on, rows) if board is not None else (),
        count=float(np.mean(totals)) if totals else None,
        spread=(min(totals), max(totals)) if totals else None,
        notes=program.notes,
        wrong=wrong_samples(samples.x, device.labels, samples.y),
        versions=_versions(),
    )


def _where(target: Target) -> Where:
    board = target.board
    if board is None:
        return Where(target.kind)
    return Where(target.kind, board.name, board.title, board.core, board.count_unit(target.kind))


def _memories(on: Device, rows: tuple[Layer, ...]) -> tuple[Memory, ...]:
    if on.firmware is None or on.board is None:
        return ()
    image, memory = on.firmware.image, on.board.memory
    return (
        flash_memory(rows, image.flash, memory.flash.length),
        ram_memory(on.plan.arena, image.stack, image.ram, memory.ram.length),
    )


def _versions() -> dict[str, str]:
    found = {"xnorc": __version__, "python": platform.python_version()}
    for name in ("numpy", "torch"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
