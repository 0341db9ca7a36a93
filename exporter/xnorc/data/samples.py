# SPDX-License-Identifier: Apache-2.0
"""Labelled images in one strict `.npz` form.

A file holds `x` uint8 (N, H, W, C) and `y` integers (N,), optionally `mean` and `std` (C floats, of pixels / 255),
`classes` (names) and `note` (a sentence that must go with every number measured on it).  Nothing else is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from xnorc import npz
from xnorc.data.jpegs import Jpegs
from xnorc.errors import DataError
from xnorc.inert import inert

KEYS = {"x", "y", "mean", "std", "classes", "note"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Images with labels, checked.

    Attributes:
        images: uint8 (N, H, W, C), C 1 or more, or as many files that are decoded when `x` is asked for.
        y: int64 (N,), 0 .. len(classes) - 1 where classes are named.
        mean, std: (C,) float, to be applied to x / 255; None means no normalisation.
        classes: names, may be empty.
        note: caveat to print beside every figure, may be empty.
    """

    images: np.ndarray | Jpegs
    y: np.ndarray
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def x(self) -> np.ndarray:
        """uint8 (N, H, W, C).

        Raises:
            DataError: a file cannot be decoded.
        """
        return self.images.decode() if isinstance(self.images, Jpegs) else self.images

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        h, w, c = self.images.shape[1:]
        return int(h), int(w), int(c)

    @property
    def n_classes(self) -> int:
        """Named classes, or the largest label plus one."""
        return len(self.classes) or int(self.y.max()) + 1

    def take(self, index: np.ndarray | slice) -> Samples:
        """The samples at `index`, same normalisation, names and note; the others are never decoded."""
        if isinstance(self.images, Jpegs) and "x" not in self.__dict__:
            return replace(self, images=self.images.take(index), y=self.y[index])
        return replace(self, images=self.x[index], y=self.y[index])

    def floats(self) -> np.ndarray:
        """What a network is fed: float32 (N, C, H, W), (x / 255 - mean) / std."""
        x = self.x.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        if self.mean is not None and self.std is not None:
            mean, std = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (self.mean, self.std))
            x = (x - mean) / std
        return x

    def save(self, path: Path) -> None:
        """Write the `.npz` form that `load_samples` reads."""
        arrays: dict[str, np.ndarray] = {"x": self.x, "y": self.y}
        if self.mean is not None and self.std is not None:
            arrays |= {"mean": np.asarray(self.mean), "std": np.asarray(self.std)}
        if self.classes:
            arrays["classes"] = np.array(self.classes)
        if self.note:
            arrays["note"] = np.array(self.note)
        np.savez_compressed(path, allow_pickle=False, **arrays)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A training split and a held-out split of the same shape and classes."""

    name: str
    train: Samples
    test: Samples


def samples(where: str, arrays: dict[str, np.ndarray], images: Jpegs | None = None) -> Samples:
    """Samples from arrays keyed as in a `.npz` file, every one of them checked; `images` stand for `x`.

    Raises:
        DataError: a missing or unknown key, a wrong dtype, shape or range; `where` names the source.
    """
    if unknown := sorted(set(arrays) - KEYS):
        raise DataError(where, f"unknown arrays {', '.join(unknown)}", f"it may hold {', '.join(sorted(KEYS))}")
    for key in ("x", "y") if images is None else ("y",):
        if key not in arrays:
            raise DataError(where, f"there is no array {key!r}", "x: uint8 (N, H, W, C), y: integers (N,)")
    x: np.ndarray | Jpegs = _pixels(where, arrays["x"]) if images is None else images
    y = arrays["y"]
    if not np.issubdtype(y.dtype, np.integer) or y.shape != x.shape[:1]:
        raise DataError(where, f"y is {y.dtype} {y.shape} for {len(x)} images", "one integer an image")
    if int(y.min()) < 0:
        raise DataError(where, f"y holds the label {y.min()}", "labels start at 0")
    classes = _names(where, arrays.get("classes"))
    if classes and int(y.max()) >= len(classes):
        raise DataError(where, f"y holds the label {y.max()} but only {len(classes)} classes are named")
    mean, std = _normalisation(where, arrays, x.shape[3])
    note = arrays.get("note", np.array(""))
    if note.dtype.kind != "U" or note.ndim:
        raise DataError(where, "note is not one string")
    return Samples(images=x, y=y.astype(np.int64), mean=mean, std=std, classes=classes, note=inert(str(note)))


def _pixels(where: str, x: np.ndarray) -> np.ndarray:
    if x.dtype != np.uint8:
        raise DataError(where, f"x is {x.dtype}", "uint8 pixels")
    if x.ndim != 4 or not x.size:
        raise DataError(where, f"x has shape {x.shape}", "(N, H, W, C), none of them zero")
    return np.ascontiguousarray(x)


def _names(where: str, classes: np.ndarray | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    if classes.dtype.kind != "U" or classes.ndim != 1 or not len(classes):
        raise DataError(where, f"classes is {classes.dtype} {classes.shape}", "a list of strings")
    return tuple(inert(str(name)) for name in classes)


def _normalisation(
    where: str, arrays: dict[str, np.ndarray], channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    if ("mean" in arrays) != ("std" in arrays):
        raise DataError(where, "mean and std come together", "give both or neither")
    if "mean" not in arrays:
        return None, None
    for key in ("mean", "std"):
        value = arrays[key]
        if value.dtype.kind not in "fiu" or value.shape != (channels,) or not np.isfinite(value).all():
            raise DataError(where, f"{key} is {value.dtype} {value.shape}", f"{channels} finite numbers")
    if (arrays["std"] <= 0).any():
        raise DataError(where, "std holds a number that is not positive")
    mean, std = (tuple(float(v) for v in arrays[key]) for key in ("mean", "std"))
    return mean, std


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a `.npz` file, at most 2 GiB of them; pickled objects are refused.

    Raises:
        DataError: no such file, or not such a file.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file")
    try:
        return npz.read(path)
    except npz.BadNpz as error:
        raise DataError(str(path), f"not a readable .npz file: {error}") from None


def load_samples(path: Path) -> Samples:
    """One `.npz` file of the form described above.

    Raises:
        DataError: see `samples` and `read_npz`.
    """
    return samples(str(path), read_npz(path))
