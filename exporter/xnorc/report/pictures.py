# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report as SVG text and PNG data: confusion matrix, memory maps, bars per layer, samples.

Drawn by matplotlib without a display.  Ink becomes `currentColor` and backgrounds stay clear, so that a page may be
light or dark; the same report always gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Rectangle

from xnorc.report.rows import Layer, Memory, Span, labels

INK = "#010203"  # stands for the page's text colour until the SVG is written
BLUE, ORANGE, GREY = "#3f83c8", "#d9762b", "#8a9099"  # told apart on white and on near-black, and by the colour-blind
USES = {
    "input": GREY, "tensor": BLUE, "scratch": ORANGE,
    "code": ORANGE, "constants": BLUE, "arena": BLUE, "data": ORANGE, "stack": GREY,
}  # fmt: skip
DROWNING = 0.2  # share of a memory below which its used bytes are drawn alone
LABEL = 24  # characters of a name beside an axis
NUMBERED = 20  # more classes than this are a matrix without numbers
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "xnorc", "text.parse_math": False,
    "font.family": "sans-serif", "font.size": 9,
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
}  # fmt: skip


def confusion_svg(confusion: np.ndarray, names: Sequence[str]) -> str:
    """Rows are truths, columns labels; shade is the share of the row, right ones blue, wrong ones orange."""
    classes = len(confusion)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    right = np.eye(classes, dtype=bool)
    rgba = np.where(right[..., None], matplotlib.colors.to_rgba(BLUE), matplotlib.colors.to_rgba(ORANGE))
    rgba[..., 3] = np.where(confusion > 0, 0.12 + 0.78 * np.sqrt(share), 0.0)
    side = min(7.0, 1.6 + 0.42 * classes)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(rgba, interpolation="nearest")
        for spine in axes.spines.values():
            spine.set_visible(True)
        axes.set(xlabel="label given", ylabel="truth")
        if classes <= NUMBERED:
            shown = [_short(name, LABEL) for name in names]
            axes.set_xticks(range(classes), shown, rotation=45 if max(map(len, shown)) > 3 else 0, ha="center")
            axes.set_yticks(range(classes), shown)
            axes.tick_params(length=0)
            for (truth, label), count in np.ndenumerate(confusion):
                if count:
                    axes.text(label, truth, str(count), ha="center", va="center", fontsize=8)
        return _svg(figure, "confusion")


def arena_svg(spans: Sequence[Span], nodes: Sequence[str], arena_bytes: int) -> str:
    """The arena over time: nodes from left to right, addresses upwards, a box for as long as its bytes are taken."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(5.0, min(11.0, 1.5 + 0.75 * len(nodes))), 4.0), layout="constrained")
        axes = figure.add_subplot()
        for span in spans:
            width, colour = span.last - span.first + 1, USES[span.use]
            box = (span.first - 0.5, span.offset)
            axes.add_patch(Rectangle(box, width, span.nbytes, facecolor=colour, alpha=0.35, linewidth=0))
            axes.add_patch(Rectangle(box, width, span.nbytes, fill=False, edgecolor=colour, linewidth=0.8))
            if span.nbytes > 0.065 * arena_bytes:
                text = _fitting(span.label, f"{span.nbytes:,} B", width)
                centre = span.first - 0.5 + width / 2, span.offset + span.nbytes / 2
                axes.text(*centre, text, ha="center", va="center", fontsize=7, clip_on=True)
        axes.set(xlim=(-0.5, len(nodes) - 0.5), ylim=(0, arena_bytes), ylabel="byte of the arena")
        axes.set_xticks(
            range(len(nodes)), [_short(n, LABEL) for n in nodes], rotation=90 if len(nodes) > 6 else 0, fontsize=7
        )
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return _svg(figure, "arena")


def memory_svg(memory: Memory) -> str:
    """One bar: what the bytes of a memory are used for; the free ones too, unless the used would drown in them."""
    whole = memory.used > DROWNING * memory.total
    total = max(memory.total, memory.used) if whole else memory.used
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 1.15), layout="constrained")
        axes = figure.add_subplot()
        left = 0
        for part in memory.parts:
            axes.barh(0, part.nbytes, left=left, color=USES[part.use], alpha=0.35, linewidth=0)
            axes.barh(0, part.nbytes, left=left, color="none", edgecolor=USES[part.use], linewidth=0.8)
            if part.nbytes > 0.09 * total:
                text = _fitting(part.label, f"{part.nbytes:,} B", 10 * part.nbytes / total)
                axes.text(left + part.nbytes / 2, 0, text, ha="center", va="center", fontsize=7)
            left += part.nbytes
        if total > 0.09 * total + left:
            axes.text((left + total) / 2, 0, f"free\n{total - left:,} B", ha="center", va="center", fontsize=7)
        if whole:
            axes.axvline(total, color=INK, linewidth=0.8)
        axes.set(xlim=(0, total), ylim=(-0.42, 0.42), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return _svg(figure, re.sub(r"\W", "", memory.name))


def layers_svg(layers: Sequence[Layer], unit: str) -> str:
    """Bars side by side: work, flash and, where counted, instructions or cycles of each layer."""
    columns: list[tuple[str, list[float]]] = [
        ("MACs", [layer.macs for layer in layers]),
        ("flash bytes", [layer.flash for layer in layers]),
        ("RAM bytes alive", [layer.ram for layer in layers]),
    ]
    if unit and any(layer.count is not None for layer in layers):
        columns.append((unit, [layer.count or 0.0 for layer in layers]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(columns) + 1.2, 0.9 + 0.26 * len(layers)), layout="constrained")
        every = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for axes, (title, values) in zip(every, columns, strict=True):
            _bars(axes, title, values)
        every[0].set_yticks(range(len(layers)), [_short(name, LABEL) for name in labels(layers)], fontsize=8)
        every[0].invert_yaxis()
        return _svg(figure, "layers")


def png(image: np.ndarray) -> str:
    """A uint8 image (h, w, ch) as a `data:` address: 3 channels are colours, of any other number the first is shown."""
    colours = image if image.shape[2] == 3 else np.repeat(image[:, :, :1], 3, axis=2)
    buffer = io.BytesIO()
    imsave(buffer, colours, format="png", metadata={"Software": None})  # type: ignore[dict-item]
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _bars(axes: Axes, title: str, values: Sequence[float]) -> None:
    places = range(len(values))
    axes.barh(places, values, color=BLUE, height=0.62)
    for place, value in zip(places, values, strict=True):
        if value:
            axes.text(value, place, f" {value:,.0f}", va="center", fontsize=7)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlim(0, 1.35 * max(*values, 1))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _fitting(label: str, size: str, width: float) -> str:
    return f"{_short(label, max(4, int(9 * width)))}\n{size}"


def _short(label: str, room: int) -> str:
    return label if len(label) <= room else label[: room - 1] + "…"


def _svg(figure: Figure, prefix: str) -> str:
    """The figure as an element to put into a page: no XML head, ids of its own, shrinking, ink in the page's colour."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the text stays text: the browser's fonts have it
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    width = re.search(r'width="([\d.]+)pt"', text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    size = f'style="width:{float(width[1]) / 0.75:.0f}px"' if width else ""
    return text.replace("<svg", f"<svg {size}", 1).replace(INK, "currentColor")
