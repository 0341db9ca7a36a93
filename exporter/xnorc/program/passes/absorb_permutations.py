# SPDX-License-Identifier: Apache-2.0
"""Channels that are only put into another order are made in that order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from xnorc.program import Node, Program, Tensor, Thresholds
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.gather import Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d


def absorb_permutations(program: Program) -> Program:
    """conv -> (pool, affine) -> permuted channels becomes a conv whose output channels have that order.

    Only where nothing else reads the channels as they were.  Tensors on the way that change get a name of their own.
    """
    for gather in [node for node in program.nodes if isinstance(node, Gather)]:
        program = _absorb(program, gather)
    return program


def _absorb(program: Program, gather: Gather) -> Program:
    ahead = _ahead(program, gather)
    if not ahead:
        return program
    names = {tensor.name for tensor in (program.input, *(n.output for n in program.nodes))}
    made: dict[str, Node] = {}
    source = ""
    for node in reversed(ahead):  # the convolution first
        old = node.output.name
        output = gather.output if node is ahead[0] else replace(node.output, name=_fresh(f"{old}_ordered", names))
        made[old] = _ordered(node, gather.channel, output, source)
        source = output.name
    kept = (made.get(node.output.name, node) for node in program.nodes if node is not gather)
    return replace(program, nodes=tuple(kept))


def _ahead(program: Program, gather: Gather) -> list[Node]:
    """What makes the channels, from the gather back to a convolution; nothing where that is not all there is to it."""
    tensors = {node.output.name: node.output for node in program.nodes}
    makers = {node.output.name: node for node in program.nodes}
    readers = Counter(name for node in program.nodes for name in node.inputs)
    readers[program.output] += 1
    if gather.output.name == program.output or len(gather.inputs) > 1 or not _is_permutation(gather, tensors):
        return []
    found: list[Node] = []
    name = gather.inputs[0]
    while name in makers and readers[name] == 1:
        node = makers[name]
        found.append(node)
        if isinstance(node, BConv2d | IConv2d):
            return found if node.groups == 1 else []
        if not isinstance(node, MaxPool2d | Affine):
            return []
        name = node.inputs[0]
    return []


def _is_permutation(gather: Gather, tensors: dict[str, Tensor]) -> bool:
    tensor = tensors.get(gather.inputs[0])
    plain = (gather.step_h, gather.step_w, gather.top, gather.left) == (1, 1, 0, 0) and not gather.source.any()
    return (
        tensor is not None
        and plain
        and tensor.shape == gather.output.shape
        and len(np.unique(gather.channel)) == len(gather.channel)
    )


def _ordered(node: Node, channel: np.ndarray, output: Tensor, source: str) -> Node:
    """The node with its output channels in another order, reading `source` unless it is the convolution."""
    if isinstance(node, BConv2d | IConv2d):
        made = replace(node, output=output, weights=node.weights[channel], thresholds=_thresholds(node, channel))
        if isinstance(made, IConv2d) and made.requant is not None:
            by = made.requant
            made = replace(made, requant=replace(by, mul=by.mul[channel], add=by.add[channel]))
        return made
    if isinstance(node, Affine):
        mul, add = np.ascontiguousarray(node.mul[..., channel]), np.ascontiguousarray(node.add[..., channel])
        return replace(node, inputs=(source,), output=output, mul=mul, add=add)
    return replace(node, inputs=(source,), output=output)


def _thresholds(node: BConv2d | IConv2d, channel: np.ndarray) -> Thresholds | None:
    old = node.thresholds
    if old is None:
        return None
    thr, thr2 = (None if t is None else np.ascontiguousarray(t[..., channel]) for t in (old.thr, old.thr2))
    assert thr is not None
    return replace(old, thr=thr, thr2=thr2, flip=old.flip[channel])


def _fresh(wanted: str, names: set[str]) -> str:
    name, n = wanted, 2
    while name in names:
        name, n = f"{wanted}_{n}", n + 1
    names.add(name)
    return name
