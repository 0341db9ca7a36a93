# SPDX-License-Identifier: Apache-2.0
"""The `.npz` form is checked key by key; named sets come in it; nothing malformed passes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from xnorc import data
from xnorc.errors import DataError

GOOD: dict[str, Any] = {
    "x": np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3),
    "y": np.array([0, 1, 1, 0]),
    "mean": np.array([0.1, 0.2, 0.3]),
    "std": np.array([1.0, 2.0, 4.0]),
    "classes": np.array(["cat", "dog"]),
    "note": np.array("made up"),
}


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    held = data.samples("here", GOOD)
    held.save(tmp_path / "a.npz")
    again = data.load_samples(tmp_path / "a.npz")
    assert np.array_equal(again.x, GOOD["x"])
    assert (again.y.tolist(), again.mean, again.std) == ([0, 1, 1, 0], (0.1, 0.2, 0.3), (1.0, 2.0, 4.0))
    assert (again.classes, again.note, again.shape, again.n_classes) == (("cat", "dog"), "made up", (2, 2, 3), 2)


def test_floats_are_channels_first_and_normalised() -> None:
    held = data.samples("here", GOOD)
    want = (GOOD["x"][1, 0, 1, 2] / 255 - 0.3) / 4.0
    assert held.floats().shape == (4, 3, 2, 2)
    assert held.floats().dtype == np.float32
    assert held.floats()[1, 2, 0, 1] == pytest.approx(want, rel=1e-6)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"x": None}, "there is no array 'x'"),
    ({"y": None}, "there is no array 'y'"),
    ({"label": np.zeros(4)}, "unknown arrays label"),
    ({"x": GOOD["x"].astype(np.float32)}, "x is float32"),
    ({"x": GOOD["x"].astype(np.int16)}, "x is int16"),
    ({"x": GOOD["x"][..., 0]}, r"x has shape \(4, 2, 2\)"),
    ({"x": GOOD["x"][:0]}, r"x has shape \(0, 2, 2, 3\)"),
    ({"y": np.array([0, 1, 1])}, r"y is int64 \(3,\) for 4 images"),
    ({"y": np.array([0.0, 1, 1, 0])}, "y is float64"),
    ({"y": np.array([0, 1, -1, 0])}, "the label -1"),
    ({"y": np.array([0, 1, 2, 0])}, "the label 2 but only 2 classes"),
    ({"y": np.array([True, False, True, True])}, "y is bool"),
    ({"std": None}, "mean and std come together"),
    ({"mean": None}, "mean and std come together"),
    ({"mean": np.array([0.1])}, r"mean is float64 \(1,\) \(3 finite numbers\)"),
    ({"mean": np.array([0.1, np.nan, 0.2])}, "mean is float64"),
    ({"std": np.array([0.1, 0.0, 0.2])}, "not positive"),
    ({"std": np.array(["a", "b", "c"])}, "std is <U1"),
    ({"classes": np.array([1, 2])}, "classes is int64"),
    ({"classes": np.array([], dtype="U1")}, "classes is <U1"),
    ({"note": np.array(3)}, "note is not one string"),
    ({"note": np.array(["a", "b"])}, "note is not one string"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[m for _, m in BAD])
def test_a_malformed_file_is_refused_by_name(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    arrays = {key: value for key, value in (GOOD | change).items() if value is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=message) as error:
        data.load_samples(tmp_path / "bad.npz")
    assert str(error.value).startswith(str(tmp_path / "bad.npz"))
    assert "\n" not in str(error.value)


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        data.load_samples(tmp_path / "none.npz")
    for name, content in (("text.npz", b"hello"), ("empty.npz", b""), ("cut.npz", b"PK\x03\x04" + bytes(40))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="not a readable"):
            data.load_samples(tmp_path / name)
    np.save(tmp_path / "one.npy", GOOD["x"])
    with pytest.raises(DataError, match="not a readable"):
        data.load_samples(tmp_path / "one.npy")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", **(GOOD | {"note": np.array([{"a": 1}], dtype=object)}))
    with pytest.raises(DataError, match="not a readable"):
        data.load_samples(tmp_path / "evil.npz")


def test_digits_are_split_once_and_for_all() -> None:
    held = data.digits()
    assert (len(held.train), len(held.test), held.train.shape, held.train.n_classes) == (1436, 361, (8, 8, 1), 10)
    assert np.bincount(held.test.y).tolist() == [30, 39, 33, 37, 40, 34, 38, 34, 32, 44]
    assert set(np.unique(held.train.x).tolist()) == {round(v * 255 / 16) for v in range(17)}


def test_mnist_comes_from_its_four_arrays(tmp_path: Path) -> None:
    image = np.zeros((3, 28, 28), np.uint8)
    arrays: dict[str, Any] = {
        "train_image": image,
        "train_label": np.array([1, 2, 9], np.uint8),
        "test_image": image[:2],
        "test_label": [0, 1],
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    held = data.load("mnist", tmp_path / "mnist.npz")
    assert held.train.shape == (28, 28, 1)
    assert (held.train.y.tolist(), held.test.n_classes) == ([1, 2, 9], 10)
    np.savez(tmp_path / "part.npz", train_image=image)
    with pytest.raises(DataError, match="there is no array 'train_label'"):
        data.load("mnist", tmp_path / "part.npz")


def test_cifar100_comes_from_the_same_four_arrays(tmp_path: Path) -> None:
    image = np.arange(2 * 32 * 32 * 3).astype(np.uint8).reshape(2, 32, 32, 3)
    arrays: dict[str, Any] = {"train_image": image, "train_label": [0, 99], "test_image": image[:1], "test_label": [7]}
    np.savez(tmp_path / "c.npz", **arrays)
    held = data.load("cifar100", tmp_path / "c.npz")
    assert (held.train.n_classes, held.train.y.tolist(), held.test.y.tolist()) == (100, [0, 99], [7])
    np.testing.assert_array_equal(held.train.x, image)
    np.savez(tmp_path / "c.npz", **(arrays | {"test_image": image[:1, :28, :28]}))
    with pytest.raises(DataError, match=r"test_image is \(1, 28, 28, 3\)"):
        data.load("cifar100", tmp_path / "c.npz")


def jpegs(tmp_path: Path, offsets: list[int] | None = None) -> Path:
    image = pytest.importorskip("PIL.Image")
    files = []
    for value in (0, 255):
        stream = io.BytesIO()
        image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(stream, "JPEG")
        files.append(stream.getvalue())
    joined = np.frombuffer(b"".join(files), np.uint8)
    cuts = np.array(offsets or [0, len(files[0]), len(joined)], np.uint32)
    parts: dict[str, Any] = {
        f"{p}_{k}": v for p in ("train", "test") for k, v in (("jpeg", joined), ("offset", cuts), ("label", [0, 1]))
    }
    np.savez(tmp_path / "c.npz", classes=np.array(["black", "white"]), **parts)
    return tmp_path / "c.npz"


def test_cifar10_from_jpeg_bytes_carries_its_caveat(tmp_path: Path) -> None:
    held = data.load("cifar10", jpegs(tmp_path))
    assert held.train.x.shape == (2, 32, 32, 3)
    assert held.test.x.mean((1, 2, 3)).tolist() == [0, 255]
    assert "re-encoded as JPEG" in held.test.note
    assert "re-encoded as JPEG" in held.train.note


@pytest.mark.parametrize("offsets", [[0, 10, 20], [0, 0, 10], [0, 700, 600]])
def test_offsets_that_do_not_cut_the_bytes_are_refused(tmp_path: Path, offsets: list[int]) -> None:
    with pytest.raises(DataError, match="do not cut the JPEG bytes"):
        data.load("cifar10", jpegs(tmp_path, offsets))


def test_broken_jpeg_bytes_are_refused(tmp_path: Path) -> None:
    path = jpegs(tmp_path)
    arrays: dict[str, Any] = data.read_npz(path)
    np.savez(path, **(arrays | {"train_jpeg": np.zeros_like(arrays["train_jpeg"])}))
    with pytest.raises(DataError, match="a JPEG image cannot be read"):
        data.load("cifar10", path)


def test_an_image_folder_is_scaled_and_cropped(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for part in ("train", "test"):
        for label, name in enumerate(("a", "b")):
            (tmp_path / part / name).mkdir(parents=True)
            picture = np.zeros((20, 40, 3), np.uint8)
            picture[:, 10:30] = 100 * label + 50  # the middle square
            image.fromarray(picture).save(tmp_path / part / name / "1.png")
    held = data.load(str(tmp_path))
    assert (held.train.shape, held.train.classes, held.train.y.tolist()) == ((32, 32, 3), ("a", "b"), [0, 1])
    assert held.train.x[1].min() == held.train.x[1].max() == 150
    (tmp_path / "test" / "b" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1\.png: cannot be read"):
        data.load(str(tmp_path))
    (tmp_path / "test" / "b" / "1.png").unlink()
    (tmp_path / "test" / "c").mkdir()
    with pytest.raises(DataError, match="not the same ones"):
        data.load(str(tmp_path))


def test_a_folder_of_two_npz_files_is_a_data_set(tmp_path: Path) -> None:
    held = data.samples("here", GOOD)
    for part in ("train", "test"):
        held.save(tmp_path / f"{part}.npz")
    assert len(data.load(str(tmp_path)).test) == 4
    data.samples("here", GOOD | {"x": GOOD["x"][:, :1]}).save(tmp_path / "test.npz")
    with pytest.raises(DataError, match=r"train is \(2, 2, 3\)"):
        data.load(str(tmp_path))


def test_what_is_neither_name_nor_folder_is_refused() -> None:
    with pytest.raises(DataError, match="svhn: neither a data set's name nor a folder"):
        data.load("svhn")


def test_importing_the_module_loads_numpy_alone() -> None:
    code = "import sys, xnorc.data; print([m for m in ('torch', 'sklearn', 'PIL', 'torchvision') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class FakeDownload:
    """Stands for torchvision's CIFAR100 and MNIST: arrays of the shapes that they hold."""

    fails: ClassVar[bool] = False
    shape: ClassVar[tuple[int, ...]] = (32, 32, 3)

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        if self.fails:
            raise RuntimeError("Error downloading cifar-100-python.tar.gz")
        assert download
        count = 4 if train else 2
        self.data, self.targets = np.zeros((count, *self.shape), np.uint8), list(range(count))
        self.classes = [f"class {i}" for i in range(100)]


def with_torchvision(monkeypatch: pytest.MonkeyPatch, kind: type[FakeDownload]) -> None:
    module = ModuleType("torchvision")
    module.datasets = SimpleNamespace(MNIST=kind, CIFAR10=kind, CIFAR100=kind)
    monkeypatch.setitem(sys.modules, "torchvision", module)


def test_a_downloaded_set_comes_in_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    with_torchvision(monkeypatch, FakeDownload)
    held = data.load("cifar100")
    assert (len(held.train), len(held.test), held.train.shape, held.train.n_classes) == (4, 2, (32, 32, 3), 100)
    with_torchvision(monkeypatch, type("Grey", (FakeDownload,), {"shape": (28, 28)}))
    assert data.load("mnist").train.shape == (28, 28, 1)


def test_a_failed_download_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with_torchvision(monkeypatch, type("Broken", (FakeDownload,), {"fails": True}))
    with pytest.raises(DataError, match="cifar100: the download failed: Error downloading"):
        data.load("cifar100")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match="torchvision is not installed and no file was given"):
        data.load("cifar10")


def test_only_the_images_that_are_looked_at_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    held = data.load("cifar10", jpegs(tmp_path))
    opened: list[object] = []
    read = image.open

    def seen(stream: object) -> object:
        opened.append(stream)
        return read(stream)

    monkeypatch.setattr(image, "open", seen)
    assert (len(held.train), held.train.shape, held.train.n_classes) == (2, (32, 32, 3), 2)
    second = held.train.take(slice(1, 2))
    assert len(second) == 1
    assert not opened
    assert second.x.mean() == 255
    assert second.take(np.array([0, 0])).x.shape == (2, 32, 32, 3)
    assert len(opened) == 1


def test_a_broken_image_is_told_when_it_is_looked_at(tmp_path: Path) -> None:
    path = jpegs(tmp_path)
    arrays: dict[str, Any] = data.read_npz(path)
    broken = arrays["train_jpeg"].copy()
    broken[arrays["train_offset"][1] :] = 0
    np.savez(path, **(arrays | {"train_jpeg": broken}))
    held = data.load("cifar10", path)
    assert held.train.take(slice(1)).x.mean() == 0
    with pytest.raises(DataError, match="a JPEG image cannot be read"):
        _ = held.train.x
