# SPDX-License-Identifier: Apache-2.0
"""Images that a wrong rule would show on: the user's own, random ones, extremes, flat greys, and pairs of neighbours
between which the answer changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GREYS = (1, 51, 127, 128, 204, 254)
Labels = Callable[[np.ndarray], np.ndarray]  # uint8 (N, h, w, ch) -> int (N,)


@dataclass(frozen=True, eq=False)
class Images:
    """uint8 (N, h, w, ch) of one kind."""

    kind: str
    x: np.ndarray


def awkward(
    shape: tuple[int, int, int], given: np.ndarray | None, count: int, labels: Labels | None = None
) -> tuple[Images, ...]:
    """About `count` images, at least four of them, the same for the same arguments.

    Args:
        shape: (h, w, ch).
        given: the user's calibration images, evenly picked from; None where there are none.
        labels: the program's answers; asks for pairs at the border between two answers.
    """
    rng = np.random.default_rng(0)
    share = max(1, count // 5)
    found = [] if given is None else [Images("calibration", given[spread(len(given), 2 * share)])]
    noise = rng.integers(0, 256, (share if given is not None else 2 * share, *shape)).astype(np.uint8)
    found.append(Images("random", noise))
    found.append(Images("extreme", _extremes(shape, rng)[: max(2, share)]))
    greys = np.stack([np.full(shape, grey, np.uint8) for grey in GREYS])
    found.append(Images("grey", greys[spread(len(greys), share)]))
    if labels is not None:
        pairs = _border(np.concatenate([images.x for images in found]), labels, max(1, share // 2), rng)
        if len(pairs):
            found.append(Images("border", pairs))
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


def _border(x: np.ndarray, labels: Labels, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs of images, alike but for one number, that the program labels differently.

    From one image to another with a different label the numbers change one by one, in a random order; somewhere on that
    way the label flips, and bisection finds a step at which it does.
    """
    answer = labels(x)
    others = [(i, int(np.flatnonzero(answer != answer[i])[0])) for i in range(len(x)) if (answer != answer[i]).any()]
    found: list[np.ndarray] = []
    for a, b in others[:count]:
        order = rng.permutation(np.flatnonzero(x[a].reshape(-1) != x[b].reshape(-1)))
        low, high = 0, len(order)
        while high - low > 1:
            middle = (low + high) // 2
            same = labels(_between(x[a], x[b], order[:middle])[None])[0] == answer[a]
            low, high = (middle, high) if same else (low, middle)
        found += [_between(x[a], x[b], order[:steps]) for steps in (low, high)]
    return np.stack(found) if found else x[:0]


def _between(start: np.ndarray, end: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The start with the numbers at the flat places `taken` of the end."""
    mixed = start.reshape(-1).copy()
    mixed[taken] = end.reshape(-1)[taken]
    return mixed.reshape(start.shape)
