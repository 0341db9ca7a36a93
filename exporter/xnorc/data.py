# SPDX-License-Identifier: Apache-2.0
"""Labelled images: one strict `.npz` form, and the data sets that can be had in it.

A file holds `x` uint8 (N, H, W, C) and `y` integers (N,), optionally `mean` and `std` (C floats, of pixels / 255),
`classes` (names) and `note` (a sentence that must go with every number measured on it).  Nothing else is read.
numpy alone is imported here; scikit-learn, Pillow and torchvision only by the loaders that need them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from xnorc.errors import DataError

KEYS = {"x", "y", "mean", "std", "classes", "note"}
JPEG_NOTE = "CIFAR-10 re-encoded as JPEG: not comparable digit for digit with figures on the original images"
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Images with labels, checked.

    Attributes:
        x: uint8 (N, H, W, C), C 1 or more.
        y: int64 (N,), 0 .. len(classes) - 1 where classes are named.
        mean, std: (C,) float, to be applied to x / 255; None means no normalisation.
        classes: names, may be empty.
        note: caveat to print beside every figure, may be empty.
    """

    x: np.ndarray
    y: np.ndarray
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        h, w, c = self.x.shape[1:]
        return int(h), int(w), int(c)

    @property
    def n_classes(self) -> int:
        """Named classes, or the largest label plus one."""
        return len(self.classes) or int(self.y.max()) + 1

    def take(self, index: np.ndarray | slice) -> Samples:
        """The samples at `index`, same normalisation, names and note."""
        return replace(self, x=self.x[index], y=self.y[index])

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


def samples(where: str, arrays: dict[str, np.ndarray]) -> Samples:
    """Samples from arrays keyed as in a `.npz` file, every one of them checked.

    Raises:
        DataError: a missing or unknown key, a wrong dtype, shape or range; `where` names the source.
    """
    if unknown := sorted(set(arrays) - KEYS):
        raise DataError(where, f"unknown arrays {', '.join(unknown)}", f"it may hold {', '.join(sorted(KEYS))}")
    for key in ("x", "y"):
        if key not in arrays:
            raise DataError(where, f"there is no array {key!r}", "x: uint8 (N, H, W, C), y: integers (N,)")
    x, y = arrays["x"], arrays["y"]
    if x.dtype != np.uint8:
        raise DataError(where, f"x is {x.dtype}", "uint8 pixels")
    if x.ndim != 4 or not x.size:
        raise DataError(where, f"x has shape {x.shape}", "(N, H, W, C), none of them zero")
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
    return Samples(x=np.ascontiguousarray(x), y=y.astype(np.int64), mean=mean, std=std, classes=classes, note=str(note))


def _names(where: str, classes: np.ndarray | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    if classes.dtype.kind != "U" or classes.ndim != 1 or not len(classes):
        raise DataError(where, f"classes is {classes.dtype} {classes.shape}", "a list of strings")
    return tuple(str(name) for name in classes)


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
    """All arrays of a `.npz` file; pickled objects are refused.

    Raises:
        DataError: no such file, or not such a file.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file")
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(str(path), f"not a readable .npz file: {error}") from None


def load_samples(path: Path) -> Samples:
    """One `.npz` file of the form described above.

    Raises:
        DataError: see `samples` and `read_npz`.
    """
    return samples(str(path), read_npz(path))


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
    if path is None:
        return _torchvision("mnist")
    arrays, where = read_npz(path), str(path)
    names = np.array([str(d) for d in range(10)])
    parts = {}
    for part in ("train", "test"):
        image, label = (_need(where, arrays, f"{part}_{what}") for what in ("image", "label"))
        parts[part] = samples(where, {"x": image.reshape(*image.shape[:3], 1), "y": label, "classes": names})
    return DataSet(name="mnist", **parts)


def cifar10(path: Path | None) -> DataSet:
    """CIFAR-10, 32x32 RGB, from a `.npz` of JPEG bytes; without a path, torchvision downloads the original.

    The file holds, for train and test, `*_jpeg` (uint8, all files end to end), `*_offset` (N + 1) and `*_label`,
    and `classes`.  Its images were re-encoded as JPEG, and the samples say so in their `note`.

    Raises:
        DataError: the file has another form, or Pillow or torchvision is missing.
    """
    if path is None:
        return _torchvision("cifar10")
    arrays, where = read_npz(path), str(path)
    parts = {}
    for part in ("train", "test"):
        stream, offset, label = (_need(where, arrays, f"{part}_{what}") for what in ("jpeg", "offset", "label"))
        x = _decode(where, stream, offset)
        about = {"classes": _need(where, arrays, "classes"), "note": np.array(JPEG_NOTE)}
        parts[part] = samples(where, {"x": x, "y": label, **about})
    return DataSet(name="cifar10", **parts)


def cifar100(path: Path | None) -> DataSet:
    """CIFAR-100 (fine labels) by torchvision's downloader into `path` (default: its cache folder).

    Raises:
        DataError: torchvision is missing or the download failed.
    """
    return _torchvision("cifar100", path)


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


NAMED: dict[str, Callable[[Path | None], DataSet]] = {
    "digits": lambda path: digits(),
    "mnist": mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
}


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


def _need(where: str, arrays: dict[str, np.ndarray], key: str) -> np.ndarray:
    if key not in arrays:
        raise DataError(where, f"there is no array {key!r}", f"it holds {', '.join(sorted(arrays))}")
    return arrays[key]


def _decode(where: str, stream: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """JPEG files end to end -> uint8 (N, H, W, 3)."""
    image = _pillow()
    if stream.dtype != np.uint8 or int(offset[-1]) != len(stream) or (np.diff(offset.astype(np.int64)) <= 0).any():
        raise DataError(where, "the offsets do not cut the JPEG bytes into files")
    data = stream.tobytes()
    cuts = zip(offset[:-1].tolist(), offset[1:].tolist(), strict=True)
    try:
        return np.stack([np.asarray(image.open(io.BytesIO(data[a:b])).convert("RGB")) for a, b in cuts])
    except (OSError, ValueError) as error:
        raise DataError(where, f"a JPEG image cannot be read: {error}") from None


def _read_image(file: Path, size: int) -> np.ndarray:
    image = _pillow()
    try:
        with image.open(file) as opened:
            rgb = opened.convert("RGB")
    except OSError as error:
        raise DataError(str(file), f"cannot be read: {error}") from None
    edge = min(rgb.size)
    left, top = (rgb.width - edge) // 2, (rgb.height - edge) // 2
    return np.asarray(rgb.crop((left, top, left + edge, top + edge)).resize((size, size)))


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError:
        raise DataError("images", "Pillow is not installed", "pip install 'xnorc[train]'") from None
    module: ModuleType = Image
    return module


def _torchvision(name: str, path: Path | None = None) -> DataSet:
    try:
        from torchvision import datasets
    except ImportError:
        hint = "pip install torchvision, or give a local file"
        raise DataError(name, "torchvision is not installed and no file was given", hint) from None
    kind = {"mnist": datasets.MNIST, "cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    root = path or Path.home() / ".cache" / "xnorc" / name
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
