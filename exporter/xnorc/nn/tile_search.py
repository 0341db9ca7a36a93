# SPDX-License-Identifier: Apache-2.0
"""The brute-force search for DeSign tiles (arXiv 2405.02220; procedure as in the paper's published scripts).

Grey images are binarized, convolved with one random +-1 kernel and rectified, as in a first binary layer; every
candidate tile then turns the sums into bits; tiles are ranked by the total variation of what the bits show: the
more of the image's structure survives, the higher.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from xnorc.errors import XnorcError
from xnorc.nn.tiles import SCALE

SIZES = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (1, 4), (4, 1))


@dataclass(frozen=True)
class Candidate:
    """A tile of symbols, rows of (th, tw), and its mean total variation over the images.

    `xnorc.nn.tiles.thresholds` turns symbols into the thresholds that `DeSign` takes.
    """

    tile: tuple[tuple[int, ...], ...]
    variation: float


def total_variation(maps: np.ndarray) -> float:
    """Mean over maps (N, h, w) and their pixels of sqrt(dx^2 + dy^2), forward differences, interior pixels."""
    maps = maps.astype(np.float64)
    dy = maps[:, 1:, :-1] - maps[:, :-1, :-1]
    dx = maps[:, :-1, 1:] - maps[:, :-1, :-1]
    return float(np.sqrt(dx * dx + dy * dy).mean())


def first_sums(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """images (N, H, W) in [0, 1] -> rectified sums (N, H - 2, W - 2): images at 1/2 to +-1, `kernel` (3, 3) of +-1."""
    signs = np.where(images > 0.5, 1, -1)
    windows = np.lib.stride_tricks.sliding_window_view(signs, (3, 3), axis=(1, 2))
    return np.maximum((windows * kernel).sum((3, 4)), 0)


def dithered(sums: np.ndarray, tile: np.ndarray, *, dequantised: bool = True) -> np.ndarray:
    """sums (N, h, w), tile (th, tw) of symbols -> what the bits show, (N, h, w).

    Bits are sums >= tile.  `dequantised` gives every set bit the height of its threshold, 0.99 * tile / 9 + 0.01, and
    every other 0.01; else the bits are shown as 0 and 1.
    """
    _, h, w = sums.shape
    tau = np.tile(tile, (-(-h // tile.shape[0]), -(-w // tile.shape[1])))[:h, :w]
    bits = (sums >= tau).astype(np.float64)
    return bits * tau / 9 * 0.99 + 0.01 if dequantised else bits


def search_tiles(
    images: np.ndarray, size: tuple[int, int] = (2, 2), *, seed: int = 6, dequantised: bool = True
) -> list[Candidate]:
    """All 6^(th * tw) tiles over the symbols 0, 1, 3, 5, 7, 9, best first; ties in lexicographic order.

    The published tiles are not the best ones by this measure; which tile is depends on the kernel (`seed`), on the
    images and on `dequantised`.  `xnorc.nn.tiles.thresholds` turns the symbols of a tile into what `DeSign` takes.

    Args:
        images: (N, H, W) grey, in [0, 1]; the paper's scripts use 20 or 100 CIFAR-100 images.
        size: (th, tw), one of `SIZES`: 3x3 would have 10 million candidates.
        seed: of the random +-1 kernel.
        dequantised: see `dithered`.

    Raises:
        XnorcError: images of another shape or range, or a tile of another size.
    """
    images = np.asarray(images)
    if images.ndim != 3 or not len(images) or min(images.shape[1:]) < 4:
        raise XnorcError("tile search", f"images of shape {images.shape}", "grey ones, (N, H, W), 4 pixels or more")
    if not (images.min() >= 0 and images.max() <= 1):
        raise XnorcError("tile search", f"pixels from {images.min()} to {images.max()}", "0 to 1: divide bytes by 255")
    if tuple(size) not in SIZES:
        known = ", ".join(f"{th}x{tw}" for th, tw in SIZES)
        raise XnorcError("tile search", f"tiles of size {size}", f"one of {known}")
    kernel = np.random.default_rng(seed).choice((-1, 1), (3, 3))
    sums = first_sums(images, kernel)
    found = []
    for symbols in itertools.product(SCALE, repeat=size[0] * size[1]):
        tile = np.array(symbols).reshape(size)
        variation = total_variation(dithered(sums, tile, dequantised=dequantised))
        found.append(Candidate(tuple(tuple(row) for row in tile.tolist()), variation))
    return sorted(found, key=lambda candidate: -candidate.variation)
