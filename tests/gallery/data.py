# SPDX-License-Identifier: Apache-2.0
"""The one data set of the gallery: scikit-learn's 8x8 digits, resized to a network's input.

The split is by source image: every third image is held out (599 of 1,797), the rest train.  A held-out image is
tested five times, as it is and moved by one pixel in each direction, so the test set has 2,995 images and 0.3
points are nine of them.  Everything is integer arithmetic: the same bytes on every machine.
"""

from __future__ import annotations

import functools

import numpy as np

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def digits(input_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(C, H, W) or (features,) -> x_train uint8 (N, H, W, C) or (N, features), y_train int64, x_test, y_test."""
    return _digits(tuple(input_shape))


@functools.cache
def _digits(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    source = load_digits()
    maps = (source.images.astype(np.int64) * 255) // 16
    labels = source.target.astype(np.int64)
    flat = len(shape) == 1
    side = round(shape[0] ** 0.5) if flat else shape[1]
    channels = 1 if flat else shape[0]
    maps = _tint(_resize(maps, side, side if flat else shape[2]), channels)
    held_out = np.arange(len(maps)) % 3 == 0
    x_test = np.concatenate([np.roll(maps[held_out], shift, (1, 2)) for shift in SHIFTS])
    y_test = np.tile(labels[held_out], len(SHIFTS))
    x_train, y_train = maps[~held_out], labels[~held_out]
    if flat:
        x_train, x_test = x_train.reshape(len(x_train), -1), x_test.reshape(len(x_test), -1)
    return x_train, y_train, x_test, y_test


def _resize(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with pixel centres, weights in 1/256: int64 (N, h, w) -> int64 (N, height, width)."""
    for axis, size in ((1, height), (2, width)):
        old = maps.shape[axis]
        if old == size:
            continue
        at = np.clip(((2 * np.arange(size) + 1) * old * 128) // size - 128, 0, (old - 1) * 256)
        low, part = at // 256, at % 256
        high = np.minimum(low + 1, old - 1)
        along = [1, 1, 1]
        along[axis] = size
        part = part.reshape(along)
        maps = (maps.take(low, axis) * (256 - part) + maps.take(high, axis) * part + 128) // 256
    return maps


def _tint(maps: np.ndarray, channels: int) -> np.ndarray:
    """One channel: the digit.  Three: the digit, a dimmer copy one pixel to the right, and its negative."""
    if channels == 1:
        return maps[..., None].astype(np.uint8)
    if channels != 3:
        raise ValueError(f"one or three channels, not {channels}")
    moved = np.roll(maps, 1, 2) * 3 // 4 + 16
    return np.stack([maps, moved, 255 - maps], -1).astype(np.uint8)
