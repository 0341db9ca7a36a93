# SPDX-License-Identifier: Apache-2.0
"""Images that a wrong rule would show on: the user's own, random ones, extremes, flat greys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GREYS = (1, 51, 127, 128, 204, 254)


@dataclass(frozen=True, eq=False)
class Images:
    """uint8 (N, h, w, ch) of one kind."""

    kind: str
    x: np.ndarray


def awkward(shape: tuple[int, int, int], given: np.ndarray | None, count: int) -> tuple[Images, ...]:
    """About `count` images, at least four of them, the same for the same arguments.

    Args:
        shape: (h, w, ch).
        given: the user's calibration images, evenly picked from; None where there are none.
    """
    rng = np.random.default_rng(0)
    share = max(1, count // 5)
    found = [] if given is None else [Images("calibration", given[spread(len(given), 2 * share)])]
    noise = rng.integers(0, 256, (share if given is not None else 2 * share, *shape)).astype(np.uint8)
    found.append(Images("random", noise))
    found.append(Images("extreme", _extremes(shape, rng)[: max(2, share)]))
    greys = np.stack([np.full(shape, grey, np.uint8) for grey in GREYS])
    found.append(Images("grey", greys[spread(len(greys), share)]))
    return tuple(found)


def spread(total: int, count: int) -> np.ndarray:
    """Up to `count` indices below `total`, evenly spread, both ends among them."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))


def _extremes(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Black, white, noise of black and white, a chequerboard, one white pixel, a ramp."""
    h, w, ch = shape
    rows, cols = np.ogrid[:h, :w]
    one = np.zeros(shape, np.uint8)
    one[h // 2, w // 2] = 255
    ramp = np.linspace(0, 255, h * w * ch).reshape(shape).astype(np.uint8)
    board = np.broadcast_to((((rows + cols) % 2) * 255)[:, :, None], shape).astype(np.uint8)
    noise = (rng.integers(0, 2, shape) * 255).astype(np.uint8)
    return np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise, board, one, ramp])
