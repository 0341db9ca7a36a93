# SPDX-License-Identifier: Apache-2.0
"""What a dot reads: every element of its input as `slope * q + offset` over one program tensor, pads included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.chain import Chain
from xnorc.lower.ops import shape_of
from xnorc.lower.state import Lowering
from xnorc.program import Kind, Tensor


@dataclass(frozen=True, eq=False)
class Operand:
    """Element e of the node is `slope[e] * q + offset[e]`; q is element `at[e]` of `tensor`, a bit counting as +-1.

    Attributes:
        node: the float node.
        tensor: the program tensor.
        at: int64 (elements,), (h, w, ch) index; -1 where the element is a constant (a pad), with slope 0.
        slope, offset: float64 (elements,).
        exact: the formula gives torch's value up to rounding.
        error: how far it may be off at most, beyond rounding (0 where exact).
    """

    node: fx.Node
    tensor: Tensor
    at: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    error: float = 0.0


def rows_to_bits(finite: Finite) -> tuple[int | None, ...] | None:
    """The bit of each row of a table that has two values wherever it varies: 1 for the greater; None for a tie row that
    is a value of its own.  None altogether where more than two values remain."""
    rows = torch.stack(torch.broadcast_tensors(*finite.vals)).reshape(len(finite.vals), -1).to(torch.float64)
    skip = finite.tie if finite.tie is not None and finite.distinct() > 2 else None
    kept = [i for i in range(len(rows)) if i != skip]
    base = rows[kept[0]]
    same = [i for i in kept if torch.equal(rows[i], base)]
    other = [i for i in kept if i not in same]
    if any(not torch.equal(rows[i], rows[other[0]]) for i in other):
        return None
    greater = int(bool(other) and float(rows[other[0]].sum()) < float(base.sum()))
    return tuple(None if i == skip else greater if i in same else 1 - greater for i in range(len(rows)))


def operand(lowering: Lowering, node: fx.Node) -> Operand:
    """The input of a dot, as bits where it has two values, else as the integers it comes from."""
    finite = lowering.values.get(node)
    if isinstance(finite, Finite):
        bit_of_row = rows_to_bits(finite)
        if bit_of_row is None:
            raise lowering.refuse(
                node, f"{finite.distinct()} different values enter a binary operation", "two values: one bit"
            )
        return _binary(lowering, node, finite, bit_of_row)
    return _integer(lowering, node)


def _binary(lowering: Lowering, node: fx.Node, finite: Finite, bit_of_row: tuple[int | None, ...]) -> Operand:
    bits = lowering.bits_of(finite.src, bit_of_row)
    elements = int(np.prod(shape_of(node)))
    chain = Chain(node, np.arange(elements), [finite.src], lowering.values, lowering.captured.where)
    entry_at = chain.entry_at
    low = finite.vals[bit_of_row.index(0)].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    upper = bit_of_row.index(1) if 1 in bit_of_row else bit_of_row.index(0)
    high = finite.vals[upper].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    inside = entry_at >= 0
    at = np.where(inside, bits.at[np.maximum(entry_at, 0)], -1)
    return Operand(node, bits.tensor, at, np.where(inside, (high - low) / 2, 0.0), (high + low) / 2)


def _integer(lowering: Lowering, node: fx.Node) -> Operand:
    """Follow the chain from the integers and prove it affine on all of them."""
    stops = list(lowering.known[node])
    if len(stops) > 1:
        raise lowering.refuse(node, f"{len(stops)} concatenated real tensors enter a dot", "binarize them first")
    source = lowering.source(stops[0])
    elements = int(np.prod(shape_of(node)))
    if node is stops[0]:
        return Operand(node, source.tensor, source.at, source.scale, source.offset)
    chain = Chain(node, np.arange(elements), stops, lowering.values, lowering.captured.where)
    of_site, sites = chain.classes([source.classes()])
    small = chain.at_sites(sites)
    inside = small.entry >= 0
    entry_at = np.maximum(small.entry_at, 0)
    steps = 256 if source.tensor.kind in (Kind.U8, Kind.I8) else 1025
    low, high = source.low[entry_at], source.high[entry_at]
    q = low + (high - low) * np.arange(steps, dtype=np.int64)[:, None] // (steps - 1)
    real = small(source.real(q, entry_at)).to(torch.float64).numpy()
    slope = (real[-1] - real[0]) / np.maximum(high - low, 1)
    offset = real[0] - slope * low
    error = np.abs(real - (slope * q + offset)).max() if inside.any() else 0.0
    reach = np.abs(real).max() + np.abs(slope * (high - low)).max()
    if error > 1e-5 * reach:
        raise lowering.refuse(
            node, "what lies between these integers and the convolution is not affine", "scale and shift the input only"
        )
    slope = np.where(inside, slope, 0.0)
    at = np.where(chain.entry >= 0, source.at[np.maximum(chain.entry_at, 0)], -1)
    return Operand(node, source.tensor, at, slope[of_site], offset[of_site], float(error))

