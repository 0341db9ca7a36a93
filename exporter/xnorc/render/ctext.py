# SPDX-License-Identifier: Apache-2.0
"""C text of constants: numbers, arrays, designated initialisers.  Fixed digits, fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.plan.layout import Array, Struct

WIDTH = 116  # columns of array rows


@dataclass(frozen=True)
class Line:
    """One member of an initialiser: `.name = text,`, or `.name = {` around `members` where it is a struct."""

    name: str
    text: str
    members: tuple[Line, ...] = ()


@dataclass(frozen=True)
class ArrayText:
    """An array definition: what the template prints."""

    ctype: str
    name: str
    length: int
    shape: str
    rows: tuple[str, ...]


def initialiser(struct: Struct, names: dict[str, str], prefix: str = "") -> tuple[Line, ...]:
    """The members of `struct`; arrays are written by their C names, found under the members' paths."""
    lines = []
    for member in struct.members:
        path = f"{prefix}_{member.name}" if prefix else member.name
        if isinstance(member.value, Struct):
            lines.append(Line(member.name, "", initialiser(member.value, names, path)))
        elif isinstance(member.value, Array):
            lines.append(Line(member.name, names[path]))
        elif member.value is None:
            lines.append(Line(member.name, "NULL"))
        else:
            lines.append(Line(member.name, member.text or number(member.ctype, member.value)))
    return tuple(lines)


def array_text(name: str, array: Array) -> ArrayText:
    """`array` broken into rows of at most WIDTH columns."""
    values = array.values.ravel()
    words = [number(array.ctype, int(v)) for v in values] or ["0"]  # C has no empty arrays
    rows, row = [], ""
    for word in words:
        if len(row) + len(word) + 2 > WIDTH:
            rows.append(row)
            row = ""
        row += (" " if row else "") + word + ","
    rows.append(row)
    return ArrayText(array.ctype, name, len(words), array.shape, tuple(rows))


def number(ctype: str, value: int) -> str:
    """A literal of exactly this value: words in hexadecimal, extremes by name (C has no negative literals)."""
    if ctype == "uint32_t":
        return f"0x{value:08X}u"
    for bits in (32, 64):
        info = np.iinfo(f"int{bits}")
        if ctype == f"int{bits}_t" and value in (info.min, info.max):
            return f"INT{bits}_{'MIN' if value < 0 else 'MAX'}"
    return f"INT64_C({value})" if ctype == "int64_t" and abs(value) >= 2**31 else str(value)
