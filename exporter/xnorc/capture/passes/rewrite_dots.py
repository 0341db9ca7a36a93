# SPDX-License-Identifier: Apache-2.0
"""One spelling per dot: `mm` and `addmm` with a constant matrix become `linear`, each 2-d convolution `conv2d`.

Each new call ends in the same kernel on the same strides as the old one, so results stay equal to the last bit.
"""

from __future__ import annotations

from typing import Any

from torch import fx

from xnorc.capture.edit import aten, constant, insert, packet, replace, shape, tensor_of
from xnorc.capture.passes.work import Work


def rewrite_dots(work: Work) -> bool:
    """Returns True if anything was rewritten."""
    changed = False
    for node in list(work.gm.graph.nodes):
        rewrite = {
            aten.mm: _mm, aten.addmm: _addmm, aten.convolution: _convolution, aten.conv2d: _conv2d, aten.matmul: _matmul
        }.get(packet(node))  # fmt: skip
        by = rewrite(work.gm, node) if rewrite is not None else None
        if by is not None:
            replace(node, by)
            changed = True
    return changed


def _transposed(gm: fx.GraphModule, node: fx.Node, matrix: Any) -> fx.Node | None:
    if not isinstance(matrix, fx.Node) or matrix.op != "get_attr":
        return None
    return constant(gm, node, tensor_of(gm, matrix).t(), matrix)


def _mm(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    weight = _transposed(gm, node, node.args[1])
    return weight and insert(gm, node, aten.linear.default, (node.args[0], weight), node)


def _matmul(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    a, b = node.args
    assert isinstance(a, fx.Node)
    assert isinstance(b, fx.Node)
    return _mm(gm, node) if len(shape(a)) == len(shape(b)) == 2 else None


def _addmm(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    bias, x, matrix = node.args
    assert isinstance(bias, fx.Node)
    if node.kwargs.get("beta", 1) != 1 or node.kwargs.get("alpha", 1) != 1 or len(shape(bias)) != 1:
        return None
    weight = _transposed(gm, node, matrix)
    return weight and insert(gm, node, aten.linear.default, (x, weight, bias), node)


def _convolution(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    x, weight, bias, stride, padding, dilation, transposed, _, groups = node.args
    assert isinstance(weight, fx.Node)
    if transposed or len(shape(weight)) != 4:
        return None
    return insert(gm, node, aten.conv2d.default, (x, weight, bias, stride, padding, dilation, groups), node)


def _conv2d(gm: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """`padding="same"`: half on each side; an odd one is padded below and to the right first."""
    args = dict(zip(("x", "weight", "bias", "stride", "padding", "dilation", "groups"), node.args, strict=False))
    padding = args.get("padding", node.kwargs.get("padding", 0))
    if not isinstance(padding, str):
        return None
    x: Any = args["x"]
    weight: Any = args["weight"]
    dilation: Any = args.get("dilation", [1, 1])
    steps = list(dilation) if isinstance(dilation, list | tuple) else [dilation] * 2
    kernel = shape(weight)[2:]
    total = [0, 0] if padding == "valid" else [d * (k - 1) for d, k in zip(steps * 2, kernel, strict=False)]
    before = [t // 2 for t in total]
    odd = [t - 2 * b for t, b in zip(total, before, strict=True)]
    if any(odd):
        x = insert(gm, node, aten.constant_pad_nd.default, (x, [0, odd[1], 0, odd[0]], 0.0), node)
    rest = (args.get("stride", [1, 1]), before, steps if len(steps) == 2 else steps * 2, args.get("groups", 1))
    return insert(gm, node, aten.conv2d.default, (x, weight, args.get("bias"), *rest), node)
