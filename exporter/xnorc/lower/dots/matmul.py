# SPDX-License-Identifier: Apache-2.0
"""A matrix product of two activations as a BMatMul: attention scores, scores by values.

With a = s q and b = t p, where q and p are bits that count as -1 and +1 or as 0 and 1, and s and t do not change
along the sum,

    out[g, n, m] = sum over d of a[g, n, d] b[g, m, d] = s[g, n] t[g, m] (sum over d of q p)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.dots.operand import operand
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import aten, dtype_of, is_call, shape_of
from xnorc.lower.graph.source import Source
from xnorc.lower.lowering import Lowering
from xnorc.lower.routing import regular_steps
from xnorc.program import Kind, Tensor
from xnorc.program.nodes.bmatmul import BMatMul

MATMULS = {aten.bmm.default, aten.matmul.default}
RUNS = 4


@dataclass(frozen=True, eq=False)
class Side:
    """One operand: element (g, line, d) is scale[g, line] times a bit that counts as `low` or 1.

    Attributes:
        node: the float node; transposed: it lies as (.., d, line).
        tensor: where the bits are; start, strides: of (g, line, d), in elements.
        scale: float64 (groups, lines).
        low: -1 or 0.
    """

    node: fx.Node
    transposed: bool
    tensor: Tensor
    start: int
    strides: tuple[int, int, int]
    scale: np.ndarray
    low: int


def is_product(graph: Graph, node: fx.Node) -> bool:
    """True for a matrix product whose operands both depend on the image."""
    return is_call(node, MATMULS) and all(a in graph.origins for a in node.args)


def lower_product(lowering: Lowering, node: fx.Node) -> Source:
    """Emit the BMatMul; returns what its sums mean.

    Raises:
        LowerError: an operand is not binary, or its elements lie on no regular grid.
    """
    graph, builder = lowering.graph, lowering.builder
    out = shape_of(node)
    left, right = node.args[0], node.args[1]
    assert isinstance(left, fx.Node)
    assert isinstance(right, fx.Node)
    if min(len(shape_of(left)), len(shape_of(right))) < 2:
        raise graph.refuse(node, "the product of two activations, one of them a vector", "matrices (.., tokens, d)")
    a = _side(lowering, node, left, out[:-2], transposed=False)
    b = _side(lowering, node, right, out[:-2], transposed=True)
    rows, cols, depth = out[-2], out[-1], shape_of(left)[-1]
    groups = int(np.prod(out[:-2], dtype=np.int64))
    if max(groups * cols, rows, depth) > 65535:
        raise graph.refuse(node, f"the product of two activations of {out}", "at most 65535 elements a row")
    output = builder.tensor(
        f"{layer_of(node)}_product", (rows, 1, groups * cols), Kind.I16 if depth < 2**15 else Kind.I32
    )
    builder.emit(
        BMatMul(
            name=layer_of(node), inputs=(a.tensor.name, b.tensor.name), output=output,
            groups=groups, rows=rows, cols=cols, depth=depth,
            a_start=a.start, a_group=a.strides[0], a_row=a.strides[1], a_depth=a.strides[2], a_low=a.low,
            b_start=b.start, b_group=b.strides[0], b_col=b.strides[1], b_depth=b.strides[2], b_low=b.low,
        )
    )  # fmt: skip
    g, n, m = np.ogrid[:groups, :rows, :cols]
    size = groups * rows * cols
    signed = a.low == b.low == -1
    return Source(
        node=node,
        tensor=output,
        at=(n * (groups * cols) + g * cols + m).reshape(-1),
        scale=(a.scale[:, :, None] * b.scale[:, None, :]).reshape(-1),
        offset=np.zeros(size),
        low=np.full(size, 0 if a.low == b.low == 0 else -depth),
        high=np.full(size, depth),
        noise=np.full(size, _noise(node, a, b)),
        taps=np.full(size, depth) if signed else None,
    )


def _side(lowering: Lowering, node: fx.Node, argument: fx.Node, batch: tuple[int, ...], transposed: bool) -> Side:
    graph = lowering.graph
    if not isinstance(graph.values.get(argument), Finite):
        which = "second" if transposed else "first"
        raise graph.refuse(
            node, f"the product of two activations, of which the {which} is not binary", "binarize both operands"
        )
    x = operand(lowering, argument)
    lines = [_lines(v, shape_of(argument), batch, transposed) for v in (x.at, x.slope, x.offset)]
    at, slope, offset = lines
    if (slope != slope[:, :, :1]).any() or (at < 0).any():
        raise graph.refuse(
            node,
            f"the product of two activations: the values of {argument.name} change along the sum",
            "one scale for all that is summed, and no pads",
        )
    if (offset != 0).any() and (offset != slope).any():
        raise graph.refuse(
            node, f"the product of two activations: {argument.name} has unlike values", "-a and +a, or 0 and a"
        )
    low = -1 if (offset == 0).all() else 0
    steps = regular_steps(at)
    if steps is None:
        raise graph.refuse(
            node,
            f"the product of two activations: {argument.name} lies on no regular grid of {x.tensor.name}",
            "heads by view, permute, transpose, chunk",
        )
    scale = slope[:, :, 0] * (1 if low else 2)  # slope is half the distance of the two values
    return Side(argument, transposed, x.tensor, steps[0], steps[1:], scale, low)


def _lines(values: np.ndarray, shape: tuple[int, ...], batch: tuple[int, ...], transposed: bool) -> np.ndarray:
    """Flat values of an operand -> (groups, lines, depth), batch axes spread to those of the product."""
    whole = values.reshape(shape)
    whole = whole.swapaxes(-1, -2) if transposed else whole
    return np.broadcast_to(whole, (*batch, *whole.shape[-2:])).reshape(-1, *whole.shape[-2:])


def _noise(node: fx.Node, a: Side, b: Side) -> float:
    """How far torch's sum may lie from the exact one: 0 where all terms are one power of two, else twice the worst
    seen."""
    if all((np.abs(np.frexp(side.scale)[0]) == 0.5).all() for side in (a, b)):
        return 0.0
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(RUNS):
        given = [torch.from_numpy(_random(side, rng)).to(dtype_of(node)) for side in (a, b)]
        says, exact = (node.target(*(x.to(t) for x in given)).double() for t in (dtype_of(node), torch.float64))  # type: ignore[operator]
        worst = max(worst, float((says - exact).abs().max()))
    return 2 * worst


def _random(side: Side, rng: np.random.Generator) -> np.ndarray:
    """Random values of an operand, as (groups, lines, depth) or, transposed, (groups, depth, lines)."""
    depth = shape_of(side.node)[-2 if side.transposed else -1]
    bits = rng.choice([side.low, 1], (*side.scale.shape, depth)) * side.scale[:, :, None]
    return np.ascontiguousarray(bits.swapaxes(1, 2)) if side.transposed else bits
