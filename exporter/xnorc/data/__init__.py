# SPDX-License-Identifier: Apache-2.0
"""Labelled images: one strict `.npz` form (`samples`), and the data sets that can be had in it (`named`, `images`).

numpy alone is imported here; scikit-learn, Pillow and torchvision only by the loaders that need them.
"""

from __future__ import annotations

from pathlib import Path

from xnorc.data.images import image_folder
from xnorc.data.named import JPEG_NOTE, NAMED, cifar10, cifar100, digits, mnist
from xnorc.data.samples import DataSet, Samples, load_samples, read_npz, samples
from xnorc.errors import DataError

__all__ = [
    "JPEG_NOTE",
    "NAMED",
    "DataSet",
    "Samples",
    "cifar10",
    "cifar100",
    "digits",
    "image_folder",
    "load",
    "load_samples",
    "mnist",
    "read_npz",
    "samples",
]


def load(name: str, path: Path | None = None) -> DataSet:
    """A data set: a name of `NAMED` (with its file in `path`), or else a folder of images, or a folder that holds
    train.npz and test.npz.

    Raises:
        DataError: no such set, or what its loader raises.
    """
    if name in NAMED:
        return NAMED[name](path)
    folder = Path(name)
    if not folder.is_dir():
        raise DataError(name, "neither a data set's name nor a folder", f"one of {', '.join(NAMED)}, or a folder")
    if not (folder / "train.npz").is_file():
        return image_folder(folder)
    train, test = (load_samples(folder / f"{part}.npz") for part in ("train", "test"))
    if train.shape != test.shape or train.n_classes < test.n_classes:
        raise DataError(name, f"train is {train.shape}, {train.n_classes} classes; test {test.shape}, {test.n_classes}")
    return DataSet(name=folder.name, train=train, test=test)
