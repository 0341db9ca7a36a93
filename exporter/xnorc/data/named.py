# SPDX-License-Identifier: Apache-2.0
"""Data sets by name: digits, MNIST, CIFAR-10 and -100, from scikit-learn, a local file or torchvision's downloader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from xnorc.data.jpegs import jpegs
from xnorc.data.samples import DataSet, read_npz, samples
from xnorc.errors import DataError

JPEG_NOTE = "CIFAR-10 re-encoded as JPEG: not comparable digit for digit with figures on the original images"


def digits() -> DataSet:
    """The 1797 8x8 digits that scikit-learn carries (UCI optical digits), 0..16 scaled to uint8; a fifth held out.

    Sample i is held out when the fractional part of i times the golden ratio is below 1/5: a split that no library
    version can move, and that meets every writer and every class evenly.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError("digits", "scikit-learn is not installed", "pip install 'xnorc[train]'") from None
    bunch = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    arrays = {"x": x, "y": bunch.target, "classes": np.array([str(d) for d in range(10)])}
    everything = samples("digits", arrays)
    held_out = np.arange(len(x), dtype=np.uint64) * 2654435769 % 2**32 < 2**32 // 5
    return DataSet(name="digits", train=everything.take(~held_out), test=everything.take(held_out))


def mnist(path: Path | None) -> DataSet:
    """MNIST from a `.npz` with train_image, train_label, test_image, test_label (uint8), 28x28, one channel.

    Without a path, torchvision downloads it.

    Raises:
        DataError: the file has another form, or torchvision is missing.
    """
    return _torchvision("mnist") if path is None else _four_arrays("mnist", path, (28, 28, 1), 10)


def cifar10(path: Path | None) -> DataSet:
    """CIFAR-10, 32x32 RGB, from a `.npz` of JPEG bytes; without a path, torchvision downloads the original.

    The file holds, for train and test, `*_jpeg` (uint8, all files end to end), `*_offset` (N + 1) and `*_label`,
    and `classes`.  An image is decoded when it is looked at.  The images were re-encoded as JPEG, and the samples say
    so in their `note`.

    Raises:
        DataError: the file has another form, or Pillow or torchvision is missing.
    """
    if path is None:
        return _torchvision("cifar10")
    arrays, where = read_npz(path), str(path)
    parts = {}
    for part in ("train", "test"):
        stream, offset, label = (_need(where, arrays, f"{part}_{what}") for what in ("jpeg", "offset", "label"))
        about = {"classes": _need(where, arrays, "classes"), "note": np.array(JPEG_NOTE)}
        parts[part] = samples(where, {"y": label, **about}, jpegs(where, stream, offset))
    return DataSet(name="cifar10", **parts)


def cifar100(path: Path | None) -> DataSet:
    """CIFAR-100 (fine labels), 32x32 RGB, from a `.npz` with train_image, train_label, test_image, test_label (uint8).

    Without a path, torchvision downloads it.

    Raises:
        DataError: the file has another form, torchvision is missing or the download failed.
    """
    return _torchvision("cifar100") if path is None else _four_arrays("cifar100", path, (32, 32, 3), 100)


NAMED: dict[str, Callable[[Path | None], DataSet]] = {
    "digits": lambda path: digits(),
    "mnist": mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
}


def _four_arrays(name: str, path: Path, shape: tuple[int, int, int], classes: int) -> DataSet:
    """A data set of images of `shape` (h, w, ch), one channel written or left out; classes are named by number."""
    arrays, where = read_npz(path), str(path)
    names = np.array([str(d) for d in range(classes)])
    parts = {}
    for part in ("train", "test"):
        image, label = (_need(where, arrays, f"{part}_{what}") for what in ("image", "label"))
        if image.shape[1:] not in (shape, shape[:2] if shape[2] == 1 else shape):
            raise DataError(where, f"{part}_image is {image.shape}", f"(N, {', '.join(map(str, shape))}): {name}")
        parts[part] = samples(where, {"x": image.reshape(-1, *shape), "y": label, "classes": names})
    return DataSet(name=name, **parts)


def _need(where: str, arrays: dict[str, np.ndarray], key: str) -> np.ndarray:
    if key not in arrays:
        raise DataError(where, f"there is no array {key!r}", f"it holds {', '.join(sorted(arrays))}")
    return arrays[key]


def _torchvision(name: str) -> DataSet:
    try:
        from torchvision import datasets
    except ImportError:
        hint = "pip install 'xnorc[download]', or give a local file"
        raise DataError(name, "torchvision is not installed and no file was given", hint) from None
    kind = {"mnist": datasets.MNIST, "cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    root = Path.home() / ".cache" / "xnorc" / name
    parts = {}
    for part in ("train", "test"):
        try:
            held = kind(root, train=part == "train", download=True)
        except (OSError, RuntimeError) as error:
            raise DataError(name, f"the download failed: {error}", "give a local file") from None
        x = np.asarray(held.data)
        x = x[..., None] if x.ndim == 3 else x
        parts[part] = samples(name, {"x": x, "y": np.asarray(held.targets), "classes": np.array(held.classes)})
    return DataSet(name=name, **parts)
