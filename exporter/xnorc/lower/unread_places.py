# SPDX-License-Identifier: Apache-2.0
"""Places of a map that nobody reads."""

from __future__ import annotations

import numpy as np


def fill_unread(values: np.ndarray, read: np.ndarray) -> np.ndarray:
    """Give places that nobody reads the values of the row or column before them, so that they make no class of rows or
    columns of their own.

    Args:
        values: (h, w, ch); read: bool of that shape.
    """
    values, read = values.copy(), read.copy()
    for axis in (0, 1):
        along, have = np.moveaxis(values, axis, 0), np.moveaxis(read, axis, 0)
        for i in range(1, len(along)):
            empty = ~have[i] & have[i - 1]
            along[i][empty], have[i][empty] = along[i - 1][empty], True
    return values
