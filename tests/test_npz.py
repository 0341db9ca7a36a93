# SPDX-License-Identifier: Apache-2.0
"""`.npz` files of strangers: refused in one line, and never unpacked beyond the limit."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnorc import npz

GOOD = {"x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "name": np.array(["a", "bc"]), "s": np.array(3.5)}


def member(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def archive(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in members:
            made.writestr(name, content)
    return path


def shaped(shape: str, descr: str = "|u1") -> bytes:
    return member(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_comes_back(tmp_path: Path, save: Any) -> None:
    arrays = GOOD | {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "none": np.zeros((0, 3), np.int16)}
    save(tmp_path / "a.npz", **arrays)
    found = npz.read(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for key, value in arrays.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_array_equal(found[key], value)
        found[key].setflags(write=True)  # arrays are the caller's own


BAD = {
    "code": ([("x.npy", shaped("(10, 10, 10, 10**0 * 3)"))], "malformed"),
    "huge": ([("x.npy", shaped("(1000000, 640, 640, 3)"))], "takes 1,228,800,000,000 bytes"),
    "bigint": ([("x.npy", shaped("(" + "9" * 60 + ",)"))], "more than"),
    "negative": ([("x.npy", shaped("(-3,)"))], "shape"),
    "truth": ([("x.npy", shaped("(True,)"))], "shape"),
    "object": ([("x.npy", shaped("(1,)", "|O"))], "Python objects"),
    "void": ([("x.npy", shaped("(1,)", "|V8"))], "numbers, booleans or text"),
    "short": ([("x.npy", shaped("(100,)") + bytes(50))], "ends after 50 of 100"),
    "long": ([("x.npy", shaped("(100,)") + bytes(101))], "after its 100"),
    "twice": ([("x.npy", shaped("(0,)")), ("x.npy", shaped("(0,)"))], "twice"),
    "other": ([("readme.txt", b"hello")], "no .npy array"),
    "version": ([("x.npy", b"\x93NUMPY\x09\x00" + bytes(100))], "9.0"),
    "header": ([("x.npy", member("[" * 500))], "header cannot be parsed"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, case: str) -> None:
    members, message = BAD[case]
    with pytest.raises(npz.BadNpz, match=message) as error:
        npz.read(archive(tmp_path / "bad.npz", members))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(npz.BadNpz, match="method"):
        npz.read(archive(tmp_path / "bad.npz", [("x.npy", shaped("(3,)") + b"abc")], method))


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "bad.npz", [("x.npy", shaped("(3,)") + b"abc")])
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag of the central directory
    path.write_bytes(raw)
    with pytest.raises(npz.BadNpz, match="encrypted"):
        npz.read(path)


def test_a_small_file_cannot_take_more_memory_than_the_limit(tmp_path: Path) -> None:
    bomb = np.zeros(2**26, np.uint8)
    np.savez_compressed(tmp_path / "bomb.npz", a=bomb, b=bomb)
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(npz.BadNpz, match="'a' takes 67,108,864 bytes: more than the 16,777,216"):
        npz.read(tmp_path / "bomb.npz", 2**24)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_the_limit_counts_all_arrays_together(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(600, np.uint8), b=np.zeros(600, np.uint8))
    assert len(npz.read(tmp_path / "two.npz", 1200)) == 2
    with pytest.raises(npz.BadNpz, match="'b' takes 600 bytes: more than the 599"):
        npz.read(tmp_path / "two.npz", 1199)


def test_every_single_damaged_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **GOOD)
    whole = buffer.getvalue()
    for at in range(len(whole)):
        for value in (whole[at] ^ 1, whole[at] ^ 0x80, 0xFF):
            (tmp_path / "bad.npz").write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            with contextlib.suppress(npz.BadNpz):
                npz.read(tmp_path / "bad.npz", 2**20)
