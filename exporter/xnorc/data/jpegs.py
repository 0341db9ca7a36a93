# SPDX-License-Identifier: Apache-2.0
"""JPEG files end to end, decoded where they are looked at and no sooner.  Needs Pillow."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from xnorc.errors import DataError


@dataclass(frozen=True, eq=False)
class Jpegs:
    """N images as the bytes of N files.

    Attributes:
        where: names the source in errors.
        data: the files, end to end.
        first, last: int64 (N,), where each file starts, and one byte past its end.
        shape: (N, H, W, 3), the height and width of the first image.
    """

    where: str
    data: bytes
    first: np.ndarray
    last: np.ndarray
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, index: np.ndarray | slice) -> Jpegs:
        """The images at `index`; nothing is decoded."""
        first, last = self.first[index], self.last[index]
        return replace(self, first=first, last=last, shape=(len(first), *self.shape[1:]))

    def decode(self) -> np.ndarray:
        """uint8 (N, H, W, 3).

        Raises:
            DataError: a file is no JPEG image, or of another size than the first.
        """
        image = pillow()
        x = np.empty(self.shape, np.uint8)
        try:
            for i, (a, b) in enumerate(zip(self.first.tolist(), self.last.tolist(), strict=True)):
                x[i] = _same(np.asarray(image.open(io.BytesIO(self.data[a:b])).convert("RGB")), self.shape[1:])
        except (OSError, ValueError) as error:
            raise DataError(self.where, f"a JPEG image cannot be read: {error}") from None
        return x


def jpegs(where: str, stream: np.ndarray, offset: np.ndarray) -> Jpegs:
    """The files that `offset` (N + 1) cuts `stream` (uint8) into.

    Raises:
        DataError: the offsets do not cut the bytes, there is no file, the first is no image, or Pillow is missing.
    """
    image = pillow()
    cuts = offset.astype(np.int64)
    cut = len(cuts) > 1 and cuts[0] >= 0 and cuts[-1] == len(stream) and (np.diff(cuts) > 0).all()
    if stream.dtype != np.uint8 or not cut:
        raise DataError(where, "the offsets do not cut the JPEG bytes into files")
    data = stream.tobytes()
    try:
        width, height = image.open(io.BytesIO(data[cuts[0] : cuts[1]])).size
    except (OSError, ValueError) as error:
        raise DataError(where, f"a JPEG image cannot be read: {error}") from None
    return Jpegs(where, data, cuts[:-1], cuts[1:], (len(cuts) - 1, height, width, 3))


def pillow() -> ModuleType:
    """PIL.Image.

    Raises:
        DataError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise DataError("images", "Pillow is not installed", "pip install 'xnorc[train]'") from None
    module: ModuleType = Image
    return module


def _same(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if pixels.shape != shape:
        raise ValueError(f"it is {pixels.shape}, the first is {shape}")
    return pixels
