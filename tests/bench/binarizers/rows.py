# SPDX-License-Identifier: Apache-2.0
"""The rows of the study: what is set on top of the common recipe, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SEEDS = (0, 1, 2)
RECIPES = {"small": "common", "full": "common_full"}
"""--scale -> recipe."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: what the command line calls it.
        title: what the table calls it.
        network: overrides of the recipe's [network].
        asks: the question that the row answers.
    """

    name: str
    title: str
    asks: str
    network: dict[str, Any] = field(default_factory=dict)


def _tile(name: str, title: str, tile: str, asks: str, **more: Any) -> Row:
    return Row(name, title, asks, {"binarizer": "design", "tile": tile, **more})


ROWS: tuple[Row, ...] = (
    Row("sign", "sign", "the baseline: one threshold, zero", {"binarizer": "sign"}),
    Row("rsign", "RSign", "a learned threshold per channel", {"binarizer": "rsign"}),
    _tile("design-2x2v1", "DeSign 2x2 v1", "2x2v1", "the paper's first tile"),
    _tile("design-checkerboard", "DeSign 2x2 checkerboard", "2x2checkerboard", "the tile of largest total variation"),
    _tile("design-2x2x4v1", "DeSign 2x2x4 v1", "2x2x4v1", "a tile that changes from channel to channel"),
    _tile("design-zeromean", "DeSign 2x2 v1, zero mean", "2x2v1-zeromean", "the pattern without the offset"),
    _tile("design-uniform", "DeSign 2x2 v1, uniform", "2x2v1-uniform", "the offset without the pattern"),
    _tile("design-learned", "learned 2x2 tile", "2x2v1-zeromean", "a tile per channel, trained", learned=True),
    Row("asd", "ASD (SD-BNN)", "a shift per channel and image", {"binarizer": "asd"}),
    Row("dysign", "DySign-style", "a two-sided threshold per channel and image", {"binarizer": "dysign"}),
    Row("lab", "LAB", "a learned 3x3 kernel per channel", {"binarizer": "lab"}),
    Row("lab-centre", "LAB, centred start", "the same, starting close to sign", {"binarizer": "lab", "init": "centre"}),
)


def row(name: str) -> Row:
    """A row by name.

    Raises:
        KeyError: there is none.
    """
    return {row.name: row for row in ROWS}[name]
