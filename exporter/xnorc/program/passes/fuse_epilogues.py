# SPDX-License-Identifier: Apache-2.0
"""What alone reads a convolution's sums, element by element, becomes the convolution's epilogue: no map of sums."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from xnorc.program import Bounds, Node, Program, Requant
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.threshold import Threshold


def fuse_epilogues(program: Program) -> Program:
    """conv -> sums -> threshold becomes conv -> bits, and integer conv -> sums -> affine becomes conv -> stream.

    Sums that others read (or that are the output) stay, and so do affines that differ from place to place or saturate
    beyond 32 bits.
    """
    bounds = program.verify()
    readers = Counter(name for node in program.nodes for name in node.inputs)
    readers[program.output] += 1
    makers = {node.output.name: node for node in program.nodes}
    gone: set[str] = set()
    nodes: list[Node] = []
    for node in program.nodes:
        conv = makers.get(node.inputs[0])
        fused = (
            _fused(conv, node, bounds[conv.output.name])
            if conv is not None and readers[conv.output.name] == 1
            else None
        )
        if conv is not None and fused is not None:
            gone.add(conv.output.name)
        nodes.append(fused or node)
    return replace(program, nodes=tuple(n for n in nodes if n.output.name not in gone))


def _fused(conv: Node, node: Node, sums: Bounds) -> Node | None:
    """`conv` doing what `node` does to its sums as well; None where it cannot."""
    if not isinstance(conv, BConv2d | IConv2d) or conv.thresholds is not None:
        return None
    if isinstance(conv, IConv2d) and conv.requant is not None:
        return None
    if isinstance(node, Threshold):
        return replace(conv, output=node.output, thresholds=node.thresholds)
    if isinstance(node, Affine) and isinstance(conv, IConv2d) and node.mul.shape[:2] == (1, 1):
        mul, add = node.mul[0, 0], node.add[0, 0]
        requant = Requant(mul=mul, add=add, shift=node.shift, low=node.low, high=node.high)
        return replace(conv, output=node.output, requant=requant) if requant.fits(sums) else None
    return None
