# SPDX-License-Identifier: Apache-2.0
"""real = slope * q + offset as an integer node: q' = clamp((q * mul + add) >> shift)."""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.graph.graph import layer_of
from xnorc.lower.lowering import Lowering
from xnorc.lower.unread_places import fill_unread
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.affine import Affine
from xnorc.program.thresholds import from_map


def fixed_point(ratio: np.ndarray, start: np.ndarray, reach: int) -> int:
    """The greatest shift s, at most 40, that leaves every ratio 31 bits and every start + ratio q, |q| <= reach, 62.

    The node computes (q mul + add) >> s in 64 bits, with mul = round(ratio 2^s) and add = round(start 2^s) + 2^(s-1).

    31 bits: mul is an int32, so |ratio| 2^s <= 2^31 - 1.
    62 bits: |q mul + add| <= reach |ratio| 2^s + |start| 2^s + roundings + 2^(s-1) <= 2^s (2 m + 2), where m is the
    greater of |start| and reach |ratio|, and at least 1.  This must not pass 2^62: one bit is kept from int64's 63.
    Beyond s = 40 nothing is gained: q' has 32 bits.
    """
    most = max(float(np.abs(ratio).max(initial=0.0)), 1e-12)
    shift = int(np.clip(np.floor(np.log2((2**31 - 1) / most)), 0, 40))
    room = np.log2(2.0**62) - np.log2(max(float(np.abs(start).max(initial=0.0)), reach * most, 1.0) * 2 + 2)
    return max(0, min(shift, int(np.floor(room))))


def emit_affine(
    lowering: Lowering,
    node: fx.Node,
    tensor: Tensor,
    place: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
    kind: Kind,
    unit: float,
    limits: tuple[int, int],
    reach: int,
    wanted: str,
) -> Tensor:
    """Emit q' = round((slope * q + offset) / unit), clamped to `limits`.

    mul has up to 31 bits and the shift is the greatest that keeps it so and the 64-bit sum within 62 bits: the
    error against the real formula is the rounding of q' itself and below 2^-14 of a unit besides.

    Args:
        tensor: what is read; place: int64 (elements,), index of each element in it; slope, offset: float64 (elements,).
        unit: the real value of one q'.
        reach: greatest |q| that occurs.
    """
    graph, builder = lowering.graph, lowering.builder
    h, w, ch = tensor.shape
    ratio, start = slope / unit, offset / unit
    shift = fixed_point(ratio, start, reach)
    half = (1 << shift) >> 1  # >> rounds down: with a half added, to the nearest; a tie rises
    mul = np.rint(ratio * 2.0**shift).astype(np.int64)
    add = np.rint(start * 2.0**shift).astype(np.int64) + half
    # From elements to places of the tensor.  Several elements may read one place (a map that was expanded), and must
    # then want the same of it; places that nobody reads take what their neighbours have.
    maps = []
    for values in (mul, add):
        flat, known = np.zeros(h * w * ch, np.int64), np.zeros(h * w * ch, bool)
        flat[place], known[place] = values, True
        if (flat[place] != values).any():
            raise graph.refuse(node, "one integer stands for two different reals", "one scale for each element")
        maps.append(fill_unread(flat.reshape(h, w, ch), known.reshape(h, w, ch)))
    classes, mul_table, add_table = _classes(maps[0], maps[1])
    output = builder.tensor(wanted, tensor.shape, kind, unit)
    return builder.emit(
        Affine(
            name=layer_of(node),
            inputs=(tensor.name,),
            output=output,
            mul=mul_table,
            add=add_table,
            shift=shift,
            low=limits[0],
            high=limits[1],
            rows=classes[0],
            cols=classes[1],
        )
    )


def _classes(mul: np.ndarray, add: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """(class of each row, of each column), mul and add of each pair of classes.

    Rows that agree in both tables share a class, and so do columns, as in `Thresholds`: each pair (mul, add) is
    numbered, and the map of numbers is compressed the way a map of thresholds is.
    """
    if (mul == mul[:1, :1]).all() and (add == add[:1, :1]).all():  # the common case
        zeros = np.zeros(mul.shape[0], np.uint8), np.zeros(mul.shape[1], np.uint8)
        return zeros, mul[:1, :1].astype(np.int32), add[:1, :1]
    ids = [np.unique(table, return_inverse=True)[1].reshape(mul.shape) for table in (mul, add)]
    shared = from_map(ids[0] * (int(ids[1].max()) + 1) + ids[1], np.zeros(mul.shape[2], bool))
    first_row = [int(np.argmax(shared.rows == r)) for r in range(int(shared.rows.max()) + 1)]
    first_col = [int(np.argmax(shared.cols == c)) for c in range(int(shared.cols.max()) + 1)]
    pick = np.ix_(first_row, first_col)
    return (shared.rows, shared.cols), mul[pick].astype(np.int32), add[pick]
