# SPDX-License-Identifier: Apache-2.0
"""Threshold tiles of DeSign (arXiv 2405.02220) by name, as float32 (F, th, tw): F slices that channels cycle through.

Entries are first integer symbols 0, 1, 3, 5, 7, 9 (the non-negative values of a 3x3 sum of +-1 products), then
real thresholds on the scale of a normalised activation: the decision levels of a 7-level quantiser of the
half-normal distribution, as shipped with the paper's code.  The tile repeats (it is not enlarged):

    tau[c, y, x] = T[c mod F, y mod th, x mod tw]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xnorc.errors import XnorcError

SCALE: dict[int, float] = {
    0: 0.31178307,
    1: 0.63100557,
    3: 0.96713846,
    5: 1.33518974,
    7: 1.76555877,
    9: 2.34193425,
}
"""Symbol -> threshold on N(0, 1) activations."""

SYMBOLS: dict[str, list[list[list[int]]]] = {
    "2x2v1": [[[1, 1], [0, 3]]],
    "2x2v2": [[[1, 1], [3, 3]]],
    "2x2checkerboard": [[[1, 3], [3, 1]]],
    "2x2x4v1": [[[1, 1], [0, 3]], [[3, 3], [1, 5]], [[5, 5], [3, 7]], [[7, 7], [5, 9]]],
    "2x2x4v2": [[[1, 1], [3, 3]], [[3, 3], [5, 5]], [[5, 5], [7, 7]], [[7, 7], [9, 9]]],
    "2x2x2complement_v1": [[[1, 1], [0, 3]], [[7, 7], [9, 5]]],
    "2x2x2complement_v2": [[[1, 1], [3, 3]], [[7, 7], [5, 5]]],
    "3x3v1": [[[3, 1, 3], [1, 0, 1], [3, 1, 3]]],
    "3x3v2": [[[5, 1, 3], [1, 0, 1], [3, 1, 5]]],
    "3x3v3": [[[3, 0, 3], [0, 1, 0], [3, 0, 3]]],
    "3x3x4": [[[a, b, a], [b, a, b], [a, b, a]] for a, b in ((1, 3), (3, 5), (5, 7), (7, 9))],
    "3x3x2complement": [[[a, b, a], [b, a, b], [a, b, a]] for a, b in ((1, 3), (7, 5))],
}
"""Name -> slices of rows of symbols, as shipped with the paper's code."""

_A, _B, _C, _D = 0.41900698, 0.85981385, 1.35667966, 1.99840603  # a 5-level quantiser of the half-normal

REAL: dict[str, list[list[list[float]]]] = {
    "2x2x4baseline": [[[_C, _D], [_A, _B]], [[_B, _A], [_C, _D]], [[_D, _C], [_B, _A]], [[_A, _B], [_D, _C]]],
    "2x2random": [[[0.00628651, -0.00660524], [0.03202113, 0.00524501]]],
}
"""Name -> slices of rows of thresholds: the tile that the published search compares with, and one drawn from
N(0, 0.05^2), the published code's control without a design."""

CONTROLS = ("", "-zeromean", "-uniform")


def names() -> list[str]:
    """Every tile there is: the paper's and, of each, its two controls."""
    return [name + control for name in (*SYMBOLS, *REAL) for control in CONTROLS]


def thresholds(symbols: Any) -> np.ndarray:
    """float32 thresholds on N(0, 1) activations of an array or lists of symbols, of the same shape.

    What `xnorc.nn.tile_search` finds are symbols: `DeSign(channels, tile=thresholds(candidate.tile))`.

    Raises:
        XnorcError: an entry that is no symbol, or rows of different lengths.
    """
    try:
        return np.vectorize(SCALE.__getitem__)(np.array(symbols)).astype(np.float32)
    except (KeyError, TypeError, ValueError):
        raise XnorcError("tile", f"the symbols {symbols!r}", f"rows of {', '.join(map(str, SCALE))}") from None


def tile(name: str) -> np.ndarray:
    """float32 (F, th, tw) of a tile.

    `NAME` is the paper's tile; `NAME-zeromean` subtracts the mean over all its entries (the pattern without the
    offset); `NAME-uniform` is that mean everywhere (the offset without the pattern), as 1x1.

    Raises:
        XnorcError: no tile of that name.
    """
    if name not in names():
        known = ", ".join((*SYMBOLS, *REAL))
        raise XnorcError(
            "tile", f"no DeSign tile is called {name!r}", f"one of {known}; each also with -zeromean or -uniform"
        )
    base, _, control = name.partition("-")
    values = np.array(REAL[base]) if base in REAL else np.vectorize(SCALE.__getitem__)(np.array(SYMBOLS[base]))
    if control == "zeromean":
        values = values - values.mean()
    elif control == "uniform":
        values = values.mean(keepdims=True)
    return values.astype(np.float32)
