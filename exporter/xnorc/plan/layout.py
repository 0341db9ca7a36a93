# SPDX-License-Identifier: Apache-2.0
"""Constants as C sees them: arrays and structs with their exact sizes on a 32-bit Arm.

Kernels describe a node with these; the renderer prints them, the planner counts them.  Neither needs to know which
node it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from xnorc.errors import ProgramError

# C type -> (numpy dtype of its elements, size and alignment in bytes on Arm)
SCALARS: dict[str, np.dtype] = {
    name + "_t": np.dtype(name) for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")
}
POINTER = 4  # bytes


@dataclass(frozen=True, eq=False)
class Array:
    """A const array in flash.

    Attributes:
        ctype: element type, a key of SCALARS.
        values: integers of any shape; laid out in C order.
        shape: what the axes are, for the comment: "(out_ch, kh, kw, words)".
    """

    ctype: str
    values: np.ndarray
    shape: str = ""

    def __post_init__(self) -> None:
        dtype = SCALARS[self.ctype]
        flat = np.asarray(self.values)
        if flat.dtype != dtype:
            info = np.iinfo(dtype)
            if flat.size and (int(flat.min()) < info.min or int(flat.max()) > info.max):
                raise ProgramError("layout", f"values {flat.min()}..{flat.max()} in a {self.ctype} array {self.shape}")
            flat = flat.astype(dtype)
        object.__setattr__(self, "values", np.ascontiguousarray(flat))

    @property
    def nbytes(self) -> int:
        """Bytes of the C object."""
        return int(self.values.nbytes)

    @property
    def key(self) -> tuple[str, bytes]:
        """Equal keys mean equal C objects."""
        return self.ctype, self.values.tobytes()


@dataclass(frozen=True, eq=False)
class Struct:
    """A struct value: the C type and its members, in the order of the declaration in bnn.h."""

    ctype: str
    members: tuple[Member, ...]

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return max((m.align for m in self.members), default=1)

    @property
    def nbytes(self) -> int:
        """sizeof: members at their natural alignment, the whole rounded up to its own."""
        at = 0
        for member in self.members:
            at = _up(at, member.align) + member.size
        return _up(at, self.align)

    def arrays(self, prefix: str = "") -> Iterator[tuple[str, Array]]:
        """Every array pointed to, with the member's path joined by "_"."""
        for member in self.members:
            path = f"{prefix}_{member.name}" if prefix else member.name
            if isinstance(member.value, Array):
                yield path, member.value
            elif isinstance(member.value, Struct):
                yield from member.value.arrays(path)


@dataclass(frozen=True, eq=False)
class Member:
    """One struct member: a scalar, a pointer to an array (None is NULL), or a struct by value.

    Attributes:
        name: as in bnn.h, which is as in the Python node.
        ctype: a key of SCALARS; of a pointer, the type pointed to; of a struct, the struct's.
        value: int, Array, None or Struct.
        text: how a scalar is written where a name says more than its number ("BNN_BIT").
    """

    name: str
    ctype: str
    value: int | Array | Struct | None
    text: str = field(default="")

    def __post_init__(self) -> None:
        if isinstance(self.value, int):
            info = np.iinfo(SCALARS[self.ctype])
            if not info.min <= self.value <= info.max:
                raise ProgramError("layout", f"{self.name} = {self.value} does not fit {self.ctype}")

    @property
    def size(self) -> int:
        """Bytes inside the struct."""
        if isinstance(self.value, Struct):
            return self.value.nbytes
        return SCALARS[self.ctype].itemsize if isinstance(self.value, int) else POINTER

    @property
    def align(self) -> int:
        """Natural alignment in bytes."""
        return self.value.align if isinstance(self.value, Struct) else self.size


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def pointer(name: str, array: Array | None, ctype: str = "") -> Member:
    """A pointer member; `ctype` is needed only for NULL."""
    return Member(name, array.ctype if array is not None else ctype, array)


def scalars(ctype: str, **values: int) -> tuple[Member, ...]:
    """Several members of one type, in order."""
    return tuple(Member(name, ctype, int(value)) for name, value in values.items())


def named(ctype: str, name: str, value: int, text: str) -> Member:
    """A scalar that C writes by name."""
    return Member(name, ctype, value, text)
