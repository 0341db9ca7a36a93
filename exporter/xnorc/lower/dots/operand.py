# SPDX-License-Identifier: Apache-2.0
"""What a dot reads: every element of its input as `slope * q + offset` over one program tensor, pads included.

Bits are read as they are.  Real values are read as the integers they are an affine function of, where these suit an
integer convolution (`_affine`): a batch norm in between costs nothing, its factor goes into the weights and its shift
into the constant of each sum.  Everything else becomes an int16 stream first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const, Finite
from xnorc.lower.chain.blocks import affine
from xnorc.lower.chain.chain import Chain
from xnorc.lower.dots.quantise import int8_weights
from xnorc.lower.dots.real_weights import channel_slopes, fits, folded, takes_16_bits
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import DOTS, is_call, is_moving, shape_of
from xnorc.lower.graph.source import BitOfRow, Source
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.affine import emit_affine
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.iconv2d import IConv2d

UNEVEN = 2.0  # greatest slope of a channel, in root mean squares of all, up to which 8-bit weights take slopes in


@dataclass(frozen=True, eq=False)
class Operand:
    """Element e of the node is `slope[e] * q + offset[e]`; q is element `at[e]` of `tensor`, a bit counting as +-1.

    Attributes:
        node: the float node.
        tensor: the program tensor.
        at: int64 (elements,), (h, w, ch) index; -1 where the element is a constant (a pad), with slope 0.
        slope, offset: float64 (elements,).
        error: how far the formula may be off at most, beyond rounding (0 where it gives torch's value).
        bounds: least and greatest q; None where it is all that the tensor's kind can hold.
    """

    node: fx.Node
    tensor: Tensor
    at: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    error: float = 0.0
    bounds: tuple[int, int] | None = None


def rows_to_bits(finite: Finite) -> BitOfRow | None:
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
    graph = lowering.graph
    finite = graph.values.get(node)
    if isinstance(finite, Finite):
        bit_of_row = rows_to_bits(finite)
        if bit_of_row is None and finite.distinct() <= 2:
            raise graph.refuse(
                node,
                "sign(0) counts as the greater value in one channel and as the lesser in another",
                "torch.where(x >= 0, 1., -1.) in place of the sign, or a tie rule (tie=1 or tie=-1)",
            )
        if bit_of_row is None:
            raise graph.refuse(
                node, f"{finite.distinct()} different values enter a binary operation", "two values: one bit"
            )
        return _binary(lowering, node, finite, bit_of_row)
    return _integer(lowering, node)


def _binary(lowering: Lowering, node: fx.Node, finite: Finite, bit_of_row: BitOfRow) -> Operand:
    graph = lowering.graph
    bits = lowering.bits_of(finite.src, bit_of_row)
    elements = int(np.prod(shape_of(node)))
    chain = Chain(graph, node, np.arange(elements), [finite.src])
    entry_at = chain.entry_at
    low = finite.vals[bit_of_row.index(0)].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    upper = bit_of_row.index(1) if 1 in bit_of_row else bit_of_row.index(0)
    high = finite.vals[upper].expand(shape_of(node)).reshape(-1).to(torch.float64).numpy()
    inside = entry_at >= 0
    at = np.where(inside, bits.at[np.maximum(entry_at, 0)], -1)
    return Operand(node, bits.tensor, at, np.where(inside, (high - low) / 2, 0.0), (high + low) / 2)


def _integer(lowering: Lowering, node: fx.Node) -> Operand:
    """Pixels through an affine chain as they are, sums and streams likewise; anything else as an int16 stream."""
    graph = lowering.graph
    stops = graph.origins[node]
    if stops == (graph.input,):
        made = _pixels(graph, node, lowering.source(stops[0]))
        if made is not None:
            return made
    made = _affine(lowering, node)
    if made is not None and _suits(graph, node, made):
        return made
    return _streamed(lowering, node)


def _streamed(lowering: Lowering, node: fx.Node) -> Operand:
    """A stream of the node itself; of what was padded, where it was: others may read that stream too."""
    graph = lowering.graph
    inner = node
    while is_moving(inner) and isinstance(inner.meta["val"], torch.Tensor):
        before = inner.args[0]
        assert isinstance(before, fx.Node)
        if not isinstance(before.meta.get("val"), torch.Tensor) or _size(before) > _size(inner):
            break
        inner = before
    source = lowering.stream(inner, graph.scales.int16(inner))
    chain = Chain(graph, node, np.arange(_size(node)), [inner])
    at = np.where(chain.entry >= 0, source.at[np.maximum(chain.entry_at, 0)], -1)
    reach = int(source.high.max())
    unit = float(source.scale[0])
    return Operand(
        node, source.tensor, at, np.where(at >= 0, unit, 0.0), _constants(chain), unit, bounds=(-reach, reach)
    )


def _affine(lowering: Lowering, node: fx.Node) -> Operand | None:
    """Over the integers of the node's origin; None where these suit no convolution or the way is not affine."""
    graph = lowering.graph
    stops = graph.origins[node]
    source = lowering.source(stops[0])
    if len(stops) != 1 or source.tensor.kind not in IConv2d.in_kinds:
        return None
    chain = Chain(graph, node, np.arange(_size(node)), list(stops))
    inside = chain.entry >= 0
    if not inside.any():
        return None
    used = chain if inside.all() else chain.at_sites(np.flatnonzero(inside))
    found = affine(graph, used, source)
    if found is None:
        return None
    # Elements that come from no entry (pads) have slope 0 and no place; their constant is their offset.
    place = source.at[used.entry_at]
    slope, offset, at = np.zeros(_size(node)), _constants(chain), np.full(_size(node), -1, np.int64)
    slope[inside], offset[inside], at[inside] = np.where(place >= 0, found.slope, 0.0), found.offset, place
    whole_numbers = source.exact and found.plain and not source.noise.any()
    error = 0.0 if whole_numbers else float(source.noise.max() + np.abs(found.slope).max())
    bounds = int(source.low.min()), int(source.high.max())
    return Operand(node, source.tensor, at, slope, offset, error, bounds)


def _suits(graph: Graph, node: fx.Node, x: Operand) -> bool:
    """True where every dot that reads the node can take the slopes into its weights, and loses nothing by it.

    With 8-bit weights of many inputs, a channel of great slope would take the bits of all others.
    """
    readers = [user for user in node.users if is_call(user, DOTS)]
    slopes = channel_slopes(x.slope, x.at, shape_of(node))
    if not readers or slopes is None:
        return False
    even = np.abs(slopes).max() <= UNEVEN * np.sqrt((slopes**2).mean())
    for dot in readers:
        value = graph.values.get(dot.args[1]) if isinstance(dot.args[1], fx.Node) else None
        if not isinstance(value, Const):
            return False
        w = value.tensor.to(torch.float64).numpy()
        few = w.ndim == 4 and w.shape[1] < len(slopes)
        if not np.isfinite(w).all() or not (few or even or takes_16_bits(graph, dot)):
            return False
        if not fits(int8_weights(folded(w, slopes))[0], x.tensor.kind):
            return False
    return True


def _size(node: fx.Node) -> int:
    return int(np.prod(shape_of(node)))


def _constants(chain: Chain) -> np.ndarray:
    """float64 (elements,): the value of elements that come from no entry, 0 for others."""
    values, outside = np.zeros(len(chain.entry)), np.flatnonzero(chain.entry < 0)
    if len(outside):
        zero = torch.zeros(1, len(outside), dtype=chain.end.meta["val"].dtype)
        values[outside] = chain.at_sites(outside)(zero).to(torch.float64).numpy()[0]
    return values


def _pixels(graph: Graph, node: fx.Node, source: Source) -> Operand | None:
    """The image itself, or an affine function of it, asked at every pixel value."""
    elements = int(np.prod(shape_of(node)))
    if node is source.node:
        return Operand(node, source.tensor, source.at, source.scale, source.offset)
    chain = Chain(graph, node, np.arange(elements), [source.node])
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
    memo = lowering.memo
    if x.tensor not in memo.numbers:
        h, w, ch = x.tensor.shape
        size = h * w * ch
        memo.numbers[x.tensor] = emit_affine(
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
    return replace(x, tensor=memo.numbers[x.tensor], bounds=(-1, 1))
