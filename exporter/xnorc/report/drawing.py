# SPDX-License-Identifier: Apache-2.0
"""A picture as a list of shapes, in pixels from the top left, and the SVG text of it.

Ink is `currentColor` and the ground stays clear, so that a page may be light or dark; equal pictures are equal bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

LETTER = 0.56  # width of a letter of a sans-serif font, in font sizes, on average: what a browser has is not known here


@dataclass(frozen=True)
class Box:
    """A rectangle; `edge`: with its outline."""

    kind: ClassVar[str] = "box"
    x: float
    y: float
    width: float
    height: float
    colour: str
    opacity: float = 1.0
    edge: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text on its baseline; `anchor` is start, middle or end of it, `turned` degrees clockwise around it."""

    kind: ClassVar[str] = "text"
    x: float
    y: float
    text: str
    size: int = 12
    anchor: str = "middle"
    turned: int = 0


@dataclass(frozen=True)
class Line:
    """A thin line."""

    kind: ClassVar[str] = "line"
    x: float
    y: float
    to_x: float
    to_y: float


@dataclass(frozen=True)
class Image:
    """Pixels at a `data:` address, stretched without smoothing."""

    kind: ClassVar[str] = "image"
    x: float
    y: float
    width: float
    height: float
    address: str


Shape = Box | Text | Line | Image


@dataclass(frozen=True)
class Picture:
    """Shapes, the later over the earlier; `title` is for those who cannot see them."""

    title: str
    width: int
    height: int
    shapes: Sequence[Shape]

    def svg(self) -> str:
        """The element to put into a page; it shrinks where the page is narrower."""
        return _template().render(p=self)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["near"] = lambda value: f"{value:.2f}".rstrip("0").rstrip(".")
    return environment.get_template("picture.svg.j2")


def png(pixels: np.ndarray) -> str:
    """Pixels, uint8 (h, w, 3 for colours or 4 with opacity), as the `data:` address of a PNG image.

    A PNG file is a signature and chunks of length, type, data, CRC-32: the head, rows of bytes (each after a 0: no
    filter) compressed by zlib, the end.
    """
    height, width, channels = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * channels)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def short(label: str, room: int) -> str:
    """The label, or as much of it as `room` letters hold."""
    return label if len(label) <= room else label[: max(0, room - 1)] + "…"


def fitting(label: str, width: float, size: int) -> str:
    """The label, or as much of it as fits into `width` pixels."""
    return short(label, max(3, int(width / (LETTER * size))))


def ticks(end: float, most: int = 6) -> list[int]:
    """Round numbers from 0 to `end`, at most `most` steps of 1, 2 or 5 times a power of ten."""
    step = 1
    for step in (digit * 10**power for power in range(13) for digit in (1, 2, 5)):
        if end <= most * step:
            break
    return list(range(0, int(end) + 1, step))
