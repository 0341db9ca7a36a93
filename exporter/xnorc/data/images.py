# SPDX-License-Identifier: Apache-2.0
"""A folder of image files as a data set.  Needs Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnorc.data.jpegs import pillow
from xnorc.data.samples import DataSet, samples
from xnorc.errors import DataError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp"}


def image_folder(path: Path, size: int = 32) -> DataSet:
    """train/ and test/ below `path`, one folder a class, any images: the middle square of each in RGB, scaled to size.

    Raises:
        DataError: a folder is missing or empty, train and test differ in classes, or an image cannot be read.
    """
    folders = {part: path / part for part in ("train", "test")}
    for folder in folders.values():
        if not folder.is_dir():
            raise DataError(str(folder), "no such folder", "an image folder holds train/CLASS/* and test/CLASS/*")
    names = sorted(entry.name for entry in folders["train"].iterdir() if entry.is_dir())
    found = sorted(entry.name for entry in folders["test"].iterdir() if entry.is_dir())
    if names != found or not names:
        raise DataError(str(path), f"train has {len(names)} classes and test {len(found)}, not the same ones")
    parts = {}
    for part, folder in folders.items():
        files = [(label, file) for label, name in enumerate(names) for file in sorted((folder / name).rglob("*"))]
        files = [(label, file) for label, file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        if not files:
            raise DataError(str(folder), "no images", f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}")
        x = np.stack([_read_image(file, size) for _, file in files])
        y = np.array([label for label, _ in files])
        parts[part] = samples(str(folder), {"x": x, "y": y, "classes": np.array(names)})
    return DataSet(name=path.name, **parts)


def _read_image(file: Path, size: int) -> np.ndarray:
    image = pillow()
    try:
        with image.open(file) as opened:
            rgb = opened.convert("RGB")
    except OSError as error:
        raise DataError(str(file), f"cannot be read: {error}") from None
    edge = min(rgb.size)
    left, top = (rgb.width - edge) // 2, (rgb.height - edge) // 2
    return np.asarray(rgb.crop((left, top, left + edge, top + edge)).resize((size, size)))
