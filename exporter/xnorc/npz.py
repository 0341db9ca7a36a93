# SPDX-License-Identifier: Apache-2.0
"""`.npz` files of strangers, read without trust.

An `.npz` is a zip of `.npy` members, and both say how much they hold before they hold it.  Here what they say is read
first and added up; nothing is unpacked before the sum is known to be bearable, and never more than was said.  numpy's
own reader makes room for whatever a header asks for, and leaves seven kinds of exceptions to its caller.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

LIMIT = 2**31  # bytes that the arrays of a data file may take, 2 GiB: CIFAR-10 takes 0.18
HEADER_LIMIT = 65536  # bytes of a member's header; numpy writes 128
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}

# All that zipfile, zlib and numpy's header parser raise on damaged files.
DAMAGE = (
    ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, NotImplementedError, RuntimeError,
    OverflowError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


class BadNpz(Exception):
    """The file is no readable `.npz`: one line that says why."""


def read(path: Path, limit: int = LIMIT) -> dict[str, np.ndarray]:
    """All arrays of the file, by name, in the order of the file.

    Args:
        limit: bytes that all arrays together may take in memory.

    Raises:
        BadNpz: the file cannot be opened, is damaged, encrypted, packed by another method than zip's two usual ones,
            holds pickled objects or a name twice, or asks for more memory than `limit`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _arrays(archive, limit)
    except BadNpz:
        raise
    except (SyntaxError, tokenize.TokenError, RecursionError):
        raise BadNpz("an array's header cannot be parsed") from None
    except DAMAGE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BadNpz(said[:200]) from None


def _arrays(archive: zipfile.ZipFile, limit: int) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    left = limit
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if name == entry.filename:
            raise BadNpz(f"member {name!r} is no .npy array")
        if name in found:
            raise BadNpz(f"array {name!r} is there twice")
        if entry.flag_bits & 1:
            raise BadNpz(f"array {name!r} is encrypted")
        if entry.compress_type not in METHODS:
            known = ", ".join(METHODS.values())
            raise BadNpz(f"array {name!r} is packed by zip's method {entry.compress_type}; read are: {known}")
        with archive.open(entry) as stream:
            found[name] = _array(name, stream, left)
        left -= found[name].nbytes
    return found


def _array(name: str, stream: IO[bytes], left: int) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise BadNpz(f"array {name!r} has .npy format {version[0]}.{version[1]}; read are 1.0 and 2.0")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read_header(stream, max_header_size=HEADER_LIMIT)
    if dtype.hasobject:
        raise BadNpz(f"array {name!r} holds Python objects, which are never unpickled")
    if dtype.kind not in "biufU":
        raise BadNpz(f"array {name!r} is {dtype}: numbers, booleans or text are read")
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in shape) or len(shape) > 8:
        raise BadNpz(f"array {name!r} has shape {str(shape)[:60]}")
    size = math.prod(shape) * dtype.itemsize  # of Python integers: it cannot wrap
    if size > left:
        raise BadNpz(f"array {name!r} takes {size:,} bytes: more than the {left:,} left of those one file may take")
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        part = stream.read(min(size - at, 2**20))
        if not part:
            raise BadNpz(f"array {name!r} ends after {at:,} of {size:,} bytes")
        view[at : at + len(part)] = part
        at += len(part)
    if stream.read(1):  # reading to the very end also has zipfile compare the CRC
        raise BadNpz(f"array {name!r} has bytes after its {size:,}")
    flat: np.ndarray = np.frombuffer(data, dtype) if dtype.itemsize else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if by_columns else "C")
