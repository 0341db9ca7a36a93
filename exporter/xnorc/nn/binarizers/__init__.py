# SPDX-License-Identifier: Apache-2.0
"""Activation binarizers, one file each, found by their `name`.  A new file here is a new binarizer everywhere."""

from __future__ import annotations

import sys
from typing import Any

from xnorc.nn.binarizer import Binarizer
from xnorc.nn.discovery import build, classes, pick


def all_binarizers() -> dict[str, type[Binarizer]]:
    """name -> class."""
    return classes(sys.modules[__name__], Binarizer)


def make_binarizer(name: str, channels: int, *, flat: bool = False, **options: Any) -> Binarizer:
    """A binarizer by name.

    Args:
        name: as in `all_binarizers()`.
        channels: C of its input.
        flat: its input is (N, C): binarizers that need a map give way to `sign`, without their options.
        options: keyword arguments of the class.

    Raises:
        XnorcError: no such binarizer, or an option that it does not have.
    """
    kind = pick(all_binarizers(), name, "binarizer")
    if flat and kind.spatial:
        surrogate = {key: options[key] for key in ("surrogate",) if key in options}
        return all_binarizers()["sign"](channels, **surrogate)
    return build(kind, "binarizer", name, channels, **options)
