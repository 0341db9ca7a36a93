# SPDX-License-Identifier: Apache-2.0
"""Tensors of the integer program: a name, a shape (h, w, ch) and a kind of number.

In numpy a tensor is an array of shape (N, h, w, ch), N samples at once; bits are uint8 of 0 and 1, where
**1 means +1 and 0 means -1**.  On the device the batch is always 1 and bits are packed: channel c of a
pixel is bit c % 32 of word c // 32, words are little-endian uint32, unused tail bits are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Kind(StrEnum):
    """What one element is.  The value is the name used in files, dumps and C suffixes."""

    BIT = "bit"
    U8 = "u8"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype that holds the unpacked element."""
        return np.dtype(_DTYPE[self])

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest value an element may take; a bit is 0 or 1."""
        if self is Kind.BIT:
            return 0, 1
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)


_DTYPE = {Kind.BIT: np.uint8, Kind.U8: np.uint8, Kind.I8: np.int8, Kind.I16: np.int16, Kind.I32: np.int32}


def words(ch: int) -> int:
    """Packed uint32 words that hold `ch` channels of one pixel."""
    return -(-ch // 32)


@dataclass(frozen=True)
class Tensor:
    """One activation tensor.

    Attributes:
        name: unique within the program; a C identifier.
        shape: (h, w, ch); a vector is (1, 1, ch).
        kind: the kind of its elements.
        scale: for a stream, the real value of one unit; None where the number means itself.
    """

    name: str
    shape: tuple[int, int, int]
    kind: Kind
    scale: float | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        h, w, ch = self.shape
        return h * w * ch

    @property
    def nbytes(self) -> int:
        """Bytes on the device (packed for bits, no padding between pixels)."""
        h, w, ch = self.shape
        if self.kind is Kind.BIT:
            return h * w * words(ch) * 4
        return self.size * self.kind.dtype.itemsize

    def pack(self, value: np.ndarray) -> bytes:
        """One sample (h, w, ch) as the bytes the device holds, little-endian."""
        value = np.asarray(value).reshape(self.shape)
        if self.kind is not Kind.BIT:
            return value.astype(self.kind.dtype.newbyteorder("<")).tobytes()
        return pack_bits(value).astype("<u4").tobytes()

    def unpack(self, raw: bytes) -> np.ndarray:
        """The inverse of `pack`: device bytes to an array of shape (h, w, ch)."""
        h, w, ch = self.shape
        if self.kind is not Kind.BIT:
            little = np.frombuffer(raw, self.kind.dtype.newbyteorder("<"))
            return little.reshape(self.shape).astype(self.kind.dtype)
        return unpack_bits(np.frombuffer(raw, "<u4").reshape(h, w, words(ch)), ch)


def pack_bits(bits: np.ndarray) -> np.ndarray:
    """Pack the last axis: (..., ch) of 0/1 to (..., words) uint32, tail bits 0."""
    ch = bits.shape[-1]
    tail = words(ch) * 32 - ch
    padded = np.concatenate([bits, np.zeros((*bits.shape[:-1], tail), bits.dtype)], axis=-1)
    lanes = padded.reshape(*bits.shape[:-1], words(ch), 32).astype(np.uint32)
    return (lanes << np.arange(32, dtype=np.uint32)).sum(axis=-1, dtype=np.uint32)


def unpack_bits(packed: np.ndarray, ch: int) -> np.ndarray:
    """The inverse of `pack_bits`: (..., words) uint32 to (..., ch) uint8."""
    lanes = (packed.astype(np.uint32)[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    return lanes.reshape(*packed.shape[:-1], -1)[..., :ch].astype(np.uint8)
