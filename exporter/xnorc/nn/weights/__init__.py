# SPDX-License-Identifier: Apache-2.0
"""Weight binarizers, one file each, found by their `name`: latent weights in, two values per output channel out."""

from __future__ import annotations

import sys
from typing import Any

from xnorc.nn.discovery import build, classes, pick
from xnorc.nn.weight_binarizer import WeightBinarizer


def all_weight_binarizers() -> dict[str, type[WeightBinarizer]]:
    """name -> class."""
    return classes(sys.modules[__name__], WeightBinarizer)


def make_weight_binarizer(name: str, out_ch: int, **options: Any) -> WeightBinarizer:
    """A weight binarizer by name for `out_ch` output channels.

    Raises:
        XnorcError: no such weight binarizer, or an option that it does not have.
    """
    return build(pick(all_weight_binarizers(), name, "weight binarizer"), "weight binarizer", name, out_ch, **options)
