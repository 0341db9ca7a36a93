# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report as SVG text and PNG data: confusion matrix, memory maps, bars per layer, samples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from xnorc.report.drawing import LETTER, Box, Image, Line, Picture, Shape, Text, fitting, short, ticks
from xnorc.report.drawing import png as png_address
from xnorc.report.rows import Layer, Memory, Span, labels

BLUE, ORANGE, GREY = "#3f83c8", "#d9762b", "#8a9099"  # told apart on white and on near-black, and by the colour-blind
USES = {
    "input": GREY, "tensor": BLUE, "scratch": ORANGE,
    "code": ORANGE, "constants": BLUE, "arena": BLUE, "data": ORANGE, "stack": GREY,
}  # fmt: skip
SHADE = 0.35  # opacity of a box with words in it
DROWNING = 0.2  # share of a memory below which its used bytes are drawn alone
LABEL = 24  # letters of a name beside an axis
NUMBERED = 20  # more classes than this are a matrix without numbers


def confusion_svg(confusion: np.ndarray, names: Sequence[str]) -> str:
    """Rows are truths, columns labels; shade is the share of the row, right ones blue, wrong ones orange."""
    classes = len(confusion)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    opacity = np.where(confusion > 0, 0.12 + 0.78 * np.sqrt(share), 0.0)
    numbered = classes <= NUMBERED
    shown = [short(name, LABEL) for name in names] if numbered else []
    margin = 30 + _width(shown, 12)
    cell = 34.0 if numbered else max(1.0, 480 / classes)
    side = classes * cell
    shapes: list[Shape] = []
    if numbered:
        for truth, label in np.argwhere(confusion > 0):
            x, y = margin + label * cell, 6 + truth * cell
            shapes.append(Box(x, y, cell, cell, BLUE if truth == label else ORANGE, float(opacity[truth, label])))
            shapes.append(Text(x + cell / 2, y + cell / 2 + 4, str(confusion[truth, label]), 11))
    else:
        shapes.append(Image(margin, 6, side, side, png_address(_shades(opacity))))
    lean = -45 if max(map(len, shown), default=0) > 3 else 0
    for at, name in enumerate(shown):
        middle = (at + 0.5) * cell
        shapes.append(Text(margin - 6, 6 + middle + 4, name, anchor="end"))
        shapes.append(Text(margin + middle, side + 21, name, anchor="end" if lean else "middle", turned=lean))
    below = side + 12 + (_width(shown, 12) * 0.75 + 6 if lean else 16 * numbered)
    shapes += _frame(margin, 6, side, side)
    shapes.append(Text(margin + side / 2, below + 20, "label given"))
    shapes.append(Text(14, 6 + side / 2, "truth", turned=-90))
    return Picture("confusion matrix", round(margin + side + 8), round(below + 28), shapes).svg()


def arena_svg(spans: Sequence[Span], nodes: Sequence[str], arena_bytes: int) -> str:
    """The arena over time: nodes from left to right, addresses upwards, a box for as long as its bytes are taken."""
    step, height, left, top = min(120.0, max(26.0, 960 / len(nodes))), 300.0, 76.0, 8.0
    scale, base = height / arena_bytes, top + height
    shapes: list[Shape] = []
    for span in spans:
        width = (span.last - span.first + 1) * step
        x, y = left + span.first * step, base - (span.offset + span.nbytes) * scale
        tall = span.nbytes * scale
        shapes.append(Box(x, y, width, tall, USES[span.use], SHADE, edge=True))
        if tall > 26:
            shapes += _words(span.label, span.nbytes, x + width / 2, y + tall / 2, width)
    for value in ticks(arena_bytes):
        y = base - value * scale
        shapes += [Line(left - 4, y, left, y), Text(left - 7, y + 4, f"{value:,}", 11, "end")]
    shapes += [Line(left, top, left, base), Line(left, base, left + step * len(nodes), base)]
    names = [short(name, LABEL) for name in nodes]
    upright = max(map(len, names)) * LETTER * 11 > step
    for at, name in enumerate(names):
        x = left + (at + 0.5) * step
        shapes.append(Text(x + 4 * upright, base + 12, name, 11, "end" if upright else "middle", -90 * upright))
    shapes.append(Text(13, top + height / 2, "byte of the arena", turned=-90))
    below = _width(names, 11) + 8 if upright else 12
    return Picture("arena over time", round(left + step * len(nodes) + 8), round(base + below + 10), shapes).svg()


def memory_svg(memory: Memory) -> str:
    """One bar: what the bytes of a memory are used for; the free ones too, unless the used would drown in them."""
    whole = memory.used > DROWNING * memory.total
    total = max(memory.total, memory.used) if whole else memory.used
    left, top, width, height = 10.0, 6.0, 880.0, 46.0
    scale = width / total
    shapes: list[Shape] = []
    at = 0
    for part in memory.parts:
        x, wide = left + at * scale, part.nbytes * scale
        shapes.append(Box(x, top, wide, height, USES[part.use], SHADE, edge=True))
        if wide > 60:
            shapes += _words(part.label, part.nbytes, x + wide / 2, top + height / 2, wide)
        at += part.nbytes
    if (total - at) * scale > 60:
        shapes += _words("free", total - at, left + (at + total) / 2 * scale, top + height / 2, (total - at) * scale)
    base = top + height
    for value in ticks(total, 8):
        x = left + value * scale
        anchor = "middle" if value else "start"
        shapes += [Line(x, base, x, base + 4), Text(x, base + 16, f"{value:,}", 11, anchor)]
    shapes.append(Line(left, base, left + width, base))
    if whole:
        shapes.append(Line(left + width, top, left + width, base))
    return Picture(f"use of {memory.name}", round(left + width + 30), round(base + 22), shapes).svg()


def layers_svg(layers: Sequence[Layer], unit: str) -> str:
    """Bars side by side: work, flash and, where counted, instructions or cycles of each layer."""
    columns: list[tuple[str, list[float]]] = [
        ("MACs", [layer.macs for layer in layers]),
        ("flash bytes", [layer.flash for layer in layers]),
        ("RAM bytes alive", [layer.ram for layer in layers]),
    ]
    if unit and any(layer.count is not None for layer in layers):
        columns.append((unit, [layer.count or 0.0 for layer in layers]))
    names = [short(name, LABEL) for name in labels(layers)]
    left, row, top, column, room = _width(names, 12) + 12, 20.0, 26.0, 214.0, 130.0
    base = top + row * len(layers)
    shapes: list[Shape] = []
    for at, name in enumerate(names):
        shapes.append(Text(left - 6, top + (at + 0.5) * row + 4, name, anchor="end"))
    for number, (title, values) in enumerate(columns):
        x, most = left + number * column, max(*values, 1)
        shapes.append(Text(x, top - 10, title, anchor="start"))
        shapes.append(Line(x, top, x, base))
        for at, value in enumerate(values):
            if value:
                y, wide = top + (at + 0.5) * row, room * value / most
                shapes.append(Box(x, y - 6, wide, 12, BLUE))
                shapes.append(Text(x + wide + 5, y + 4, f"{value:,.0f}", 11, "start"))
    return Picture("cost of each layer", round(left + column * len(columns)), round(base + 6), shapes).svg()


def png(image: np.ndarray) -> str:
    """A uint8 image (h, w, ch) as a `data:` address: 3 channels are colours, of any other number the first is shown."""
    return png_address(image if image.shape[2] == 3 else np.repeat(image[:, :, :1], 3, axis=2))


def _words(label: str, nbytes: int, x: float, y: float, width: float) -> list[Shape]:
    """Two lines around the middle of a box: what its bytes are, and how many."""
    return [Text(x, y - 2, fitting(label, width, 10), 10), Text(x, y + 11, f"{nbytes:,} B", 10)]


def _frame(x: float, y: float, width: float, height: float) -> list[Shape]:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return [Line(*start, *end) for start, end in itertools.pairwise(corners)]


def _shades(opacity: np.ndarray) -> np.ndarray:
    """One pixel a cell: uint8 (classes, classes, 4)."""
    right = np.eye(len(opacity), dtype=bool)[..., None]
    blue, orange = ([int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (BLUE, ORANGE))
    rgb = np.where(right, blue, orange)
    return np.concatenate([rgb, np.rint(255 * opacity)[..., None]], axis=2).astype(np.uint8)


def _width(names: Sequence[str], size: int) -> float:
    """Pixels that the longest of these names takes, about."""
    return max((len(name) for name in names), default=0) * LETTER * size
