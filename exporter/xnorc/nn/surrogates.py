# SPDX-License-Identifier: Apache-2.0
"""The step from a real number to +-1, and what stands for its derivative while training.

Forward, everywhere in `xnorc.nn`: bit = (v >= 0), value = 2*bit - 1, so zero maps to +1 by declaration.  Backward:
the derivative of a smooth (or piecewise smooth) stand-in s(v):

    identity   s = clamp(v, -1, 1)                  s' = 1 on |v| <= 1           BinaryNet, arXiv 1602.02830 section 1.3
    bireal     s = 2v - v|v| on |v| <= 1            s' = 2 - 2|v| on |v| <= 1    Bi-Real, arXiv 1808.00278 section 3.3
    ede        s = k tanh(t v), k = max(1/t, 1)     s' = k t (1 - tanh^2(t v))   IR-Net, arXiv 1909.10788 section 3.3
    tanh       s = tanh(b v / 2)                    s' = b/2 (1 - tanh^2(b v/2)) LAB, arXiv 2210.13858

`t` of `ede` rises over training from 10^-3 (or another start) to 10: `Surrogate.set_progress` sets it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from xnorc.errors import XnorcError

NAMES = ("identity", "bireal", "ede", "tanh")


def derivative(name: str, v: Tensor, steepness: float) -> Tensor:
    """s'(v), elementwise, for the surrogate `name`; `steepness` is t of `ede`, b of `tanh`, else unused."""
    if name == "identity":
        return (v.abs() <= 1).to(v.dtype)
    if name == "bireal":
        return (2 - 2 * v.abs()).clamp_min(0)
    if name == "ede":
        return max(1.0, steepness) * (1 - torch.tanh(steepness * v) ** 2)  # k t = max(1, t)
    return steepness / 2 * (1 - torch.tanh(steepness / 2 * v) ** 2)


def smooth(name: str, v: Tensor, steepness: float) -> Tensor:
    """s(v), elementwise: the function whose slope `derivative` gives; tests difference it."""
    if name == "identity":
        return v.clamp(-1, 1)
    if name == "bireal":
        inside = v.clamp(-1, 1)
        return 2 * inside - inside * inside.abs()
    if name == "ede":
        return max(1 / steepness, 1.0) * torch.tanh(steepness * v)
    return torch.tanh(steepness / 2 * v)


class _Binarize(torch.autograd.Function):
    """+-1 forward, surrogate backward.  torch.export traces the forward; no node of ours appears in the graph."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, name: str, steepness: float) -> Tensor:
        ctx.save_for_backward(v)
        ctx.name, ctx.steepness = name, steepness
        return (v >= 0).to(v.dtype) * 2 - 1

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (v,) = ctx.saved_tensors
        return grads[0] * derivative(ctx.name, v, ctx.steepness), None, None


class Surrogate(nn.Module):
    """The step with one surrogate gradient.

    Shape: any float tensor v -> same shape and dtype, exactly -1 or +1, +1 at zero.

    Args:
        name: one of `NAMES`.
        steepness: b of `tanh` (LAB's beta, fixed).  For `ede` the current t, overwritten by `set_progress`.
        span: (first, last) t of `ede` over a training: 1e-3..10 for residual networks, 1e-1..10 for VGG
            (IR-Net and SD-BNN, arXiv 2103.02394).

    Raises:
        XnorcError: no such surrogate, or a steepness that is not positive.
    """

    def __init__(self, name: str = "bireal", steepness: float = 1.0, span: tuple[float, float] = (1e-3, 1e1)) -> None:
        super().__init__()
        if name not in NAMES:
            raise XnorcError("surrogate", f"no surrogate gradient is called {name!r}", f"one of {', '.join(NAMES)}")
        numbers = [value for value in (steepness, *span) if isinstance(value, int | float)]
        if len(numbers) != 3 or not all(0 < value < math.inf for value in numbers):
            raise XnorcError("surrogate", f"steepness {steepness}, span {span}", "positive numbers")
        self.name, self.steepness, self.span = name, steepness, span
        if name == "ede":
            self.set_progress(0.0)

    def set_progress(self, done: float) -> None:
        """Set t of `ede` for a training that is `done` (0..1) complete: log t runs linearly over `span`."""
        if self.name == "ede":
            first, last = self.span
            self.steepness = first * (last / first) ** done

    def forward(self, v: Tensor) -> Tensor:
        out: Tensor = _Binarize.apply(v, self.name, self.steepness)  # type: ignore[no-untyped-call]
        return out

    def extra_repr(self) -> str:
        return f"{self.name}, steepness={self.steepness:g}"


def set_progress(model: nn.Module, done: float) -> None:
    """Tell every surrogate inside `model` how far training is, 0..1."""
    for module in model.modules():
        if isinstance(module, Surrogate):
            module.set_progress(done)
