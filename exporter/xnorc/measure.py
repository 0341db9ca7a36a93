# SPDX-License-Identifier: Apache-2.0
"""A program on labelled images, everywhere it can run (numpy, host C, a device), and what is found, as a `Report`."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnorc import __version__
from xnorc.data import Samples
from xnorc.deploy import Device, running
from xnorc.errors import DataError
from xnorc.link.protocol import COUNTERS, FlashImage
from xnorc.link.session import DeviceRun, Sample, Verify, stream_samples
from xnorc.program import Program, digest
from xnorc.program.saturation import saturation
from xnorc.report.latency import Latency
from xnorc.report.results import (
    Accuracy,
    Agreement,
    Classification,
    Data,
    Report,
    StackUse,
    top_share,
    wrong_samples,
)
from xnorc.report.rows import Layer, Memory, flash_memory, layers, ram_memory, spans
from xnorc.targets import Target
from xnorc.targets.host import Host

CLIPPED = 64  # samples over which clipped values are counted

OnSample = Callable[[Target, Sample], None]
OnText = Callable[[str], None]


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
    milliwatts: float | None = None,
) -> Report:
    """Run every sample as integer program, as C on this machine, and on the target.

    Args:
        samples: images of the program's shape, and labels.
        out: folder for what is built.
        pytorch: labels (N,) that the float model gave the same samples; None leaves PyTorch out.
        on_sample: called after each sample of the host and of the target.
        on_text: gets lines of text that the device prints.
        milliwatts: power that the board takes while it runs, for an energy figure.

    Raises:
        DataError: the samples do not fit the program.
        FitError, ToolError, BoardError, LinkError: see `running` and `stream_samples`.
    """
    if samples.shape != program.input.shape:
        raise DataError(
            data_name or "data", f"images are {samples.shape}", f"{program.name} takes {program.input.shape}"
        )
    if program.normalisation is not None:
        program.normalisation.check(samples.mean, samples.std, data_name or "data")
    program.check_labels(samples.y, data_name or "data")
    logits = program.run(samples.x)
    host = None
    if target.board is not None:
        host, *_ = _stream(program, samples, Host(), out, on_sample, on_text)
    device, on, facts = _stream(program, samples, target, out, on_sample, on_text)
    return _report(program, samples, target, data_name, pytorch, logits, host, device, on, facts, milliwatts)


def _stream(
    program: Program, samples: Samples, target: Target, out: Path, on_sample: OnSample | None, on_text: OnText | None
) -> tuple[DeviceRun, Device, Facts]:
    with running(program, target, out / target.name, on_text=on_text) as device:

        def told(sample: Sample) -> None:
            if on_sample is not None:
                on_sample(target, sample)

        run = stream_samples(device.client, samples.x, samples.y, program, Verify.NONE, told)
        return run, device, _facts(device)


@dataclass(frozen=True)
class Facts:
    """What a device said of itself after the run."""

    hz: int | None
    stack: StackUse | None
    image_proved: bool | None


def _facts(device: Device) -> Facts:
    client, info = device.client, device.client.info
    counted = info is not None and COUNTERS.get(info.counter, "") != "" and device.target.unit == "cycles"
    stack = client.stack()
    image = None if device.firmware is None else client.image()
    proved = None
    if image is not None and device.firmware is not None:
        proved = image == FlashImage.of(device.firmware.image.binary.read_bytes())
    return Facts(
        hz=info.counter_hz if counted and info is not None else None,
        stack=None if stack is None else StackUse(stack.reserve, stack.used),
        image_proved=proved,
    )


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
    facts: Facts,
    milliwatts: float | None,
) -> Report:
    steps, labels = on.plan.steps, logits.argmax(axis=1)
    rows = layers(program, steps, _counts(target, [round(t) for t in device.layer_ticks]))
    totals = _counts(target, [int(t) for t in device.ticks]) or []
    on_host = host if host is not None else device
    return Report(
        model=program.name,
        digest=digest(program).hex(),
        target=target,
        data=Data(data_name, len(samples), samples.classes, samples.note),
        accuracy=Accuracy(
            pytorch=None if pytorch is None else float((pytorch == samples.y).mean()),
            program=float((labels == samples.y).mean()),
            host=on_host.accuracy,
            device=device.accuracy,
            device_top5=top_share(device.logits, samples.y),
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
        memories=_memories(on, rows),
        count=float(np.mean(totals)) if totals else None,
        spread=(min(totals), max(totals)) if totals else None,
        latency=Latency.of(totals, target.unit, facts.hz, device.seconds if facts.hz else None, milliwatts),
        stack=facts.stack,
        image_proved=facts.image_proved,
        predictions=(tuple(device.labels.tolist()), tuple(device.truths.tolist())),
        notes=program.notes,
        clipped=tuple(each for each in saturation(program, samples.x[:CLIPPED]) if each.clipped),
        wrong=wrong_samples(samples.x, device.labels, samples.y),
        versions=_versions(),
    )


def _counts(target: Target, ticks: Sequence[int]) -> list[int] | None:
    """Instructions or cycles of each; None where the target counts none."""
    counts = [target.count(each) for each in ticks]
    return [each for each in counts if each is not None] if target.unit else None


def _memories(on: Device, rows: tuple[Layer, ...]) -> tuple[Memory, ...]:
    if on.firmware is None:
        return ()
    image = on.firmware.image
    memory = image.board.memory
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
