# SPDX-License-Identifier: Apache-2.0
"""What a dot reads: every element of its input as `slope * q + offset` over one program tensor, pads included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.affine import emit_affine
from xnorc.lower.chain import Chain
from xnorc.lower.ops import shape_of
from xnorc.lower.source import Source
from xnorc.lower.state import Lowering
from xnorc.lower.streams import stream
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
    """The bit of each row of a table of two values: 1 for the greater.

    Rows strictly between two others (sign(0) between -1 and +1) have none: whether a sum can reach them is for the
    search to say. None altogether where the rows have no such order.
    """
    rows = torch.stack(torch.broadcast_tensors(*finite.vals)).reshape(len(finite.vals), -1).to(torch.float64)  # type: ignore[no-untyped-call]
    varies = (rows != rows[0]).any(dim=0)
    if not bool(varies.any()):
        return tuple(0 for _ in rows)
    total = rows[:, varies].sum(dim=1)
    least, most = rows[int(total.argmin())], rows[int(total.argmax())]
    bits: list[int | None] = [0 if torch.equal(r, least) else 1 if torch.equal(r, most) else None for r in rows]
    if finite.tie is not None and bits[finite.tie] is not None and None in bits:
        return None
    return tuple(bits)


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
    chain = Chain(lowering, node, np.arange(elements), [finite.src])
    entry_at = chain.entry_at
    low = finite.vals[bit_of_row.index(0)].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    upper = bit_of_row.index(1) if 1 in bit_of_row else bit_of_row.index(0)
    high = finite.vals[upper].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    inside = entry_at >= 0
    at = np.where(inside, bits.at[np.maximum(entry_at, 0)], -1)
    return Operand(node, bits.tensor, at, np.where(inside, (high - low) / 2, 0.0), (high + low) / 2)


def _integer(lowering: Lowering, node: fx.Node) -> Operand:
    """Pixels through an affine chain as they are; anything else as an int16 stream."""
    stops = lowering.known[node]
    if stops == (lowering.captured.input,):
        made = _pixels(lowering, node, lowering.source(stops[0]))
        if made is not None:
            return made
    source = stream(lowering, node, lowering.scales.int16(node))
    return Operand(
        node, source.tensor, source.at, np.where(source.at >= 0, source.scale, 0.0), source.offset, source.scale[0]
    )


def _pixels(lowering: Lowering, node: fx.Node, source: Source) -> Operand | None:
    """The image itself, or an affine function of it, asked at every pixel value."""
    elements = int(np.prod(shape_of(node)))
    if node is source.node:
        return Operand(node, source.tensor, source.at, source.scale, source.offset)
    chain = Chain(lowering, node, np.arange(elements), [source.node])
    of_site, sites = chain.classes([source.classes()])
    small = chain.at_sites(sites)
    inside = small.entry >= 0
    q = np.broadcast_to(np.arange(256)[:, None], (256, len(sites))).copy()
    real = small(source.real(q, np.maximum(small.entry_at, 0))).to(torch.float64).numpy()
    slope = (real[-1] - real[0]) / 255
    if np.abs(real - (slope * q + real[0])).max() > 1e-5 * max(np.abs(real).max(), 1e-30):
        return None
    at = np.where(chain.entry >= 0, source.at[np.maximum(chain.entry_at, 0)], -1)
    return Operand(node, source.tensor, at, np.where(inside, slope, 0.0)[of_site], real[0][of_site])


def as_integers(lowering: Lowering, x: Operand) -> Operand:
    """Bits as int8 of -1 and +1, for weights that are not binary."""
    if x.tensor not in lowering.unpacked:
        h, w, ch = x.tensor.shape
        size = h * w * ch
        lowering.unpacked[x.tensor] = emit_affine(
            lowering,
            x.node,
            x.tensor,
            np.arange(size),
            np.full(size, 2.0),
            np.full(size, -1.0),
            Kind.I8,
            1.0,
            (-1, 1),
            1,
            f"{x.tensor.name}_int8",
        )
    return replace(x, tensor=lowering.unpacked[x.tensor])
