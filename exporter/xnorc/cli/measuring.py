# SPDX-License-Identifier: Apache-2.0
"""What `demo` and `report` share: measure with a live accuracy line, then tables, report.json and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xnorc.cli.output import console, emit, heard, progress_console

if TYPE_CHECKING:
    import numpy as np

    from xnorc.data import Samples
    from xnorc.link.session import Sample
    from xnorc.program import Program
    from xnorc.report.results import Report
    from xnorc.targets import Target


def measure_live(
    program: Program,
    samples: Samples,
    target: Target,
    out: Path,
    data_name: str,
    pytorch: np.ndarray | None,
    milliwatts: float | None = None,
) -> Report:
    """`measure` with a progress bar per target that shows the accuracy so far."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from xnorc.measure import measure

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("accuracy {task.fields[accuracy]}"),
        TimeElapsedColumn(),
        console=progress_console,
    )
    with bar:
        tasks: dict[str, TaskID] = {}

        def seen(where: Target, sample: Sample) -> None:
            if where.label not in tasks:
                tasks[where.label] = bar.add_task(where.label, total=len(samples), accuracy="")
            share = f"{100 * sample.correct / sample.known:.2f} %" if sample.known else "-"
            bar.update(tasks[where.label], completed=sample.done, accuracy=share)

        return measure(
            program,
            samples,
            target,
            out,
            data_name=data_name,
            pytorch=pytorch,
            on_sample=seen,
            on_text=heard,
            milliwatts=milliwatts,
        )


def finish(report: Report, out: Path, as_json: bool) -> None:
    """Write report.json and report.html into `out`, and print the tables (or the JSON)."""
    from xnorc.report.html import write_html
    from xnorc.report.json_report import document, write_json
    from xnorc.report.tables import accuracy_table, layer_table, memory_table, percent, stack_line, summary

    out.mkdir(parents=True, exist_ok=True)
    write_json(report, out / "report.json")
    write_html(report, out / "report.html")
    if as_json:
        emit(document(report))
        return
    console.print(layer_table(report.layers, report.target.unit))
    if report.memories:
        console.print(memory_table(report.memories))
    console.print(accuracy_table(report.accuracy, report.agreement, f"{report.target.name} ({report.target.kind})"))
    top5 = report.accuracy.device_top5
    if top5 is not None:
        console.print(f"top-5 accuracy of {report.target.name}: {percent(top5)}")
    if report.latency is not None:
        console.print(report.latency.text, soft_wrap=True)
    if report.stack is not None:
        console.print(stack_line(report))
    if report.image_proved is False:
        console.print("the image in the device's flash is not the one built here", style="yellow")
    if report.data.caveat:
        console.print(report.data.caveat, style="yellow")
    for each in report.clipped:
        console.print(str(each), style="yellow", soft_wrap=True)
    console.print(summary(report))
    console.print(f"written: {out / 'report.json'}, {out / 'report.html'}")


def agrees(report: Report) -> bool:
    """True where host and device gave the program's logits, to the bit, for every sample."""
    found = report.agreement
    return found.host_logits == found.device_logits == found.samples
