# SPDX-License-Identifier: Apache-2.0
"""tests/cases/<op>.toml -> conformance vectors.

A file has a `seed` and `[[case]]` tables.  A field whose value is a list expands the case to one vector per element;
several such fields give their product.  Fields not given take the defaults of the op's `build` in nodes/.

    h, w, in_ch, out_ch, groups    numbers
    kernel, stride, dilation       "3x2" (height x width) or a number for both
    pad                            "top,left,bottom,right" or a number for all
    pad_mode, pad_value            as in Window
    in, out                        kinds: bit, u8, i8, i16, i32
    thr                            random | extremes | interval | tile | map | never_always
    requant, shift                 channels | alike | clipped | ends: of iconv2d
    data                           random | lowest | highest | close | ends: the inputs' values
    within                         number: the inputs' values lie within +- this, as far as their kinds reach
"""

from __future__ import annotations

import itertools
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.conformance.drawing import Fields, Rng
from tests.conformance.nodes import makers
from xnorc.program import Tensor
from xnorc.render.vectors import Vector

CASES = Path(__file__).resolve().parents[1] / "cases"


def ops() -> list[str]:
    """Every op that has a cases file."""
    return sorted(path.stem for path in CASES.glob("*.toml"))


def vectors(op: str) -> list[Vector]:
    """Every vector of tests/cases/<op>.toml, verified; equal on every machine."""
    document = tomllib.loads((CASES / f"{op}.toml").read_text())
    return [
        _vector(op, name, fields, int(document["seed"])) for case in document["case"] for name, fields in _expand(case)
    ]


def everything() -> list[Vector]:
    """The vectors of all ops, in order."""
    return [vector for op in ops() for vector in vectors(op)]


def _expand(case: Fields) -> Iterator[tuple[str, Fields]]:
    lists = {key: value for key, value in case.items() if isinstance(value, list)}
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        parts = [str(case["name"]), *(f"{key}={value}" for key, value in chosen.items())]
        yield "/".join(parts), {**case, **chosen}


def _vector(op: str, name: str, fields: Fields, seed: int) -> Vector:
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])  # a case added elsewhere changes no other
    node, tensors = makers()[op].build(fields, rng)
    within = int(fields.get("within", 2**31))
    bounds = [(max(t.kind.range[0], -within), min(t.kind.range[1], within)) for t in tensors]
    node.verify(tensors, tuple(bounds))
    arrays = tuple(values(t, str(fields.get("data", "random")), b, rng) for t, b in zip(tensors, bounds, strict=True))
    return Vector(f"{op}/{name}", node, tensors, arrays)


def values(tensor: Tensor, data: str, bounds: tuple[int, int], rng: Rng) -> np.ndarray:
    """Input values (h, w, ch): random within the bounds, or near 0 (ties between inputs), or at its ends."""
    low, high = bounds
    if data == "lowest":
        return np.full(tensor.shape, low, tensor.kind.dtype)
    if data == "highest":
        return np.full(tensor.shape, high, tensor.kind.dtype)
    if data == "close":
        low, high = max(low, -2), min(high, 2)
    if data == "ends":
        ends = np.clip([low, low + 1, -129, -128, -1, 0, 1, 127, 128, 255, 256, high - 1, high], low, high)
        return rng.choice(ends, tensor.shape).astype(tensor.kind.dtype)
    return rng.integers(low, high, tensor.shape, endpoint=True).astype(tensor.kind.dtype)
