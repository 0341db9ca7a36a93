# SPDX-License-Identifier: Apache-2.0
"""A `Report` for a terminal: Rich tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from xnorc.report.results import Accuracy, Agreement, Report
from xnorc.report.rows import Layer, Memory


def layer_table(layers: Sequence[Layer], unit: str = "") -> Table:
    """One line a layer: shape, kind, work, bytes and, where they were counted, instructions or cycles."""
    counted = unit != "" and any(layer.count is not None for layer in layers)
    table = Table(title="layers", title_justify="left", show_footer=True)
    flash, peak = sum(layer.flash for layer in layers), max((layer.ram for layer in layers), default=0)
    table.add_column("layer", "total", overflow="fold")
    table.add_column("op")
    table.add_column("output")
    table.add_column("kind")
    table.add_column("MACs", number(sum(layer.macs for layer in layers)), justify="right")
    table.add_column("flash B", number(flash), justify="right")
    table.add_column("RAM B", f"{number(peak)} peak", justify="right")
    if counted:
        table.add_column(unit, number(sum(layer.count or 0 for layer in layers)), justify="right")
    for layer in layers:
        cells = [layer.name, layer.op, shape(layer.shape), layer.kind]
        cells += [number(layer.macs) if layer.macs else "", number(layer.flash), number(layer.ram)]
        table.add_row(*cells, *([number(layer.count)] if counted else []))
    return table


def accuracy_table(accuracy: Accuracy, agreement: Agreement, device: str = "device") -> Table:
    """The accuracies side by side, and what was found equal to what."""
    table = Table(title=f"accuracy on {agreement.samples:,} samples", title_justify="left")
    table.add_column("where")
    table.add_column("accuracy", justify="right")
    table.add_column("equal to")
    for name, share, equal in accuracy_lines(accuracy, agreement, device):
        if share is not None:
            table.add_row(name, percent(share), equal)
    return table


def memory_table(memories: Sequence[Memory]) -> Table:
    """Flash and RAM: used, there, and the rest."""
    table = Table(title="memory", title_justify="left")
    table.add_column("memory")
    for name in ("used B", "of B", "%"):
        table.add_column(name, justify="right")
    for memory in memories:
        share = percent(memory.used / memory.total) if memory.total else ""
        table.add_row(memory.name, number(memory.used), number(memory.total) if memory.total else "", share)
    return table


def stack_line(report: Report) -> str:
    """What the device measured of its stack; empty where it cannot tell."""
    found = report.stack
    return "" if found is None else f"stack: {number(found.used)} of {number(found.reserve)} bytes have been in use"


def accuracy_lines(accuracy: Accuracy, agreement: Agreement, device: str) -> tuple[tuple[str, float | None, str], ...]:
    """(where, share or None, what it equals) of the four places, in the way of the data."""
    whole = agreement.samples
    return (
        ("PyTorch", accuracy.pytorch, ""),
        ("integer program", accuracy.program, _equal(agreement.pytorch_labels, whole, "labels", "PyTorch")),
        ("host C", accuracy.host, _equal(agreement.host_logits, whole, "logits", "the program")),
        (device, accuracy.device, _equal(agreement.device_logits, whole, "logits", "the program")),
    )


def summary(report: Report) -> str:
    """One line: what ran where, how well, at what cost."""
    by = f" by {report.target.kind}" if report.target.emulated else ""
    parts = [f"{report.model} on {report.target.title}{by}"]
    if report.accuracy.device is not None:
        parts.append(f"{percent(report.accuracy.device)} of {report.classification.samples:,}")
    if report.count is not None:
        parts.append(f"{number(report.count)} {report.target.unit} per inference")
    return ", ".join(parts)


def shape(hwc: tuple[int, int, int]) -> str:
    """8x8x32; a vector is its length."""
    return str(hwc[2]) if hwc[:2] == (1, 1) else "x".join(map(str, hwc))


def number(value: float | None) -> str:
    """Thousands apart, no decimals; nothing where nothing was measured."""
    return "" if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """0.9752 -> 97.52 %."""
    return "" if share is None else f"{100 * share:.2f} %"


def _equal(count: int | None, whole: int, what: str, whose: str) -> str:
    if count is None:
        return ""
    return f"all {what} of {whose}" if count == whole else f"{count:,} of {whole:,} {what} of {whose}"
