# SPDX-License-Identifier: Apache-2.0
"""A `Report` as one HTML file that needs nothing else: pictures inside, no scripts, no addresses, light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from xnorc.report import pictures, tables
from xnorc.report.results import Report
from xnorc.report.rows import labels
from xnorc.writing import write_file


def page(report: Report) -> str:
    """The HTML text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": tables.number, "percent": tables.percent, "shape": tables.shape}
    return environment.get_template("page.html.j2").render(_content(report))


def write_html(report: Report, path: Path) -> None:
    """Write `page(report)`."""
    write_file(path, page(report))


def _content(report: Report) -> dict[str, Any]:
    names = [report.data.class_name(label) for label in range(len(report.classification.confusion))]
    device = report.target.title
    found = report.classification
    return {
        "r": report,
        "device": device,
        "summary": tables.summary(report),
        "accuracies": tables.accuracy_lines(report.accuracy, report.agreement, device),
        "classes": list(zip(names, found.confusion.sum(axis=1), found.precision, found.recall, strict=True)),
        "confusion": Markup(pictures.confusion_svg(found.confusion, names)),
        "layers": Markup(pictures.layers_svg(report.layers, report.target.unit)) if report.layers else "",
        "arena": Markup(pictures.arena_svg(report.arena, labels(report.layers), report.arena_bytes))
        if report.arena
        else "",
        "memories": [(memory, Markup(pictures.memory_svg(memory))) for memory in report.memories],
        "wrong": [(w, pictures.png(w.image), names[w.truth], names[w.label]) for w in report.wrong],
    }
