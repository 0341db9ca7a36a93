# SPDX-License-Identifier: Apache-2.0
"""A dot's own operation on other numbers: what its offsets, its valid taps and its rounding come to."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.lower.graph.ops import aten, is_call, shape_of


def rerun(node: fx.Node, x: np.ndarray, w: np.ndarray, bias: bool) -> np.ndarray:
    """The node's conv2d or linear in float64, on x (flat, elements of its input) and w; with its own bias or
    without."""
    return rerun_in(node, torch.from_numpy(x), torch.from_numpy(w), bias).numpy()


def rerun_in(node: fx.Node, x: torch.Tensor, w: torch.Tensor, bias: bool) -> torch.Tensor:
    """The same in the dtype of `x`, with torch's kernels for it."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    x = x.reshape(shape_of(source))
    b = node.args[2] if len(node.args) > 2 else node.kwargs.get("bias")
    b = constant_of(b).to(x.dtype) if bias and isinstance(b, fx.Node) else None
    rest = node.args[3:] if not is_call(node, {aten.linear.default}) else ()
    kwargs = {k: v for k, v in node.kwargs.items() if k != "bias"}
    result = node.target(x, w, b, *rest, **kwargs)  # type: ignore[operator]
    assert isinstance(result, torch.Tensor)
    return result.detach()


def constant_of(node: fx.Node) -> torch.Tensor:
    """The tensor of a get_attr node."""
    value: object = node.graph.owning_module
    for part in str(node.target).split("."):
        value = getattr(value, part)
    assert isinstance(value, torch.Tensor)
    return value.detach()
