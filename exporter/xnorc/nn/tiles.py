# SPDX-License-Identifier: Apache-2.0
"""Threshold tiles of DeSign (arXiv 2405.02220) by name, as float32 (F, th, tw): F slices that channels cycle through.

Entries are first integer symbols 0, 1, 3, 5, 7, 9 (the non-negative values of a 3x3 sum of +-1 products), then
real thresholds on the scale of a normalised activation: the decision levels of a 7-level quantiser of the
half-normal distribution, as shipped with the paper's code.  The tile repeats (it is not enlarged):

    tau[c, y, x] = T[c mod F, y mod th, x mod tw]
"""

from __future__ import annotations

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

CONTROLS = ("", "-zeromean", "-uniform")


def names() -> list[str]:
    """Every tile there is: the paper's and, of each, its two controls."""
    return [name + control for name in SYMBOLS for control in CONTROLS]


def tile(name: str) -> np.ndarray:
    """float32 (F, th, tw) of a tile.

    `NAME` is the paper's tile; `NAME-zeromean` subtracts the mean over all its entries (the pattern without the
    offset); `NAME-uniform` is that mean everywhere (the offset without the pattern), as 1x1.

    Raises:
        XnorcError: no tile of that name.
    """
    base, _, control = name.partition("-")
    if base not in SYMBOLS or name not in names():
        raise XnorcError(
            "tile", f"no DeSign tile is called {name!r}", f"one of {', '.join(SYMBOLS)}, with -zeromean or -uniform"
        )
    values = np.vectorize(SCALE.__getitem__)(np.array(SYMBOLS[base]))
    if control == "zeromean":
        values = values - values.mean()
    elif control == "uniform":
        values = values.mean(keepdims=True)
    return values.astype(np.float32)
