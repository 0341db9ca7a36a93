# SPDX-License-Identifier: Apache-2.0
"""A Threshold that is the only reader of a convolution's sums becomes the convolution's epilogue."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from xnorc.program import Node, Program
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.threshold import Threshold


def fuse_thresholds(program: Program) -> Program:
    """conv -> sums -> threshold -> bits becomes conv -> bits; sums that others read (or that are the output) stay."""
    readers = Counter(name for node in program.nodes for name in node.inputs)
    readers[program.output] += 1
    makers = {n.output.name: n for n in program.nodes if isinstance(n, BConv2d | IConv2d) and n.thresholds is None}
    gone: set[str] = set()
    nodes: list[Node] = []
    for node in program.nodes:
        if isinstance(node, Threshold) and node.inputs[0] in makers and readers[node.inputs[0]] == 1:
            conv = makers[node.inputs[0]]
            gone.add(conv.output.name)
            nodes.append(replace(conv, output=node.output, thresholds=node.thresholds))
        else:
            nodes.append(node)
    return replace(program, nodes=tuple(n for n in nodes if n.output.name not in gone))
