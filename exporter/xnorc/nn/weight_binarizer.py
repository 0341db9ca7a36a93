# SPDX-License-Identifier: Apache-2.0
"""What every weight binarizer is: a module from latent weights to two values per output channel."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from xnorc.nn.surrogates import Surrogate


class WeightBinarizer(nn.Module):
    """Base of the weight binarizers in `xnorc.nn.weights`.

    Shape: w (out_ch, ...) -> same shape, every value +-a[c]; a latent weight of exactly zero gives +a.

    Args:
        out_ch: output channels.
        surrogate: the gradient of the step; "" for the usual one (`identity` passes it inside [-1, 1] only).
    """

    name: ClassVar[str]
    usual: ClassVar[str] = "identity"

    def __init__(self, out_ch: int, surrogate: str | Surrogate = "") -> None:
        super().__init__()
        self.out_ch = out_ch
        self.step = surrogate if isinstance(surrogate, Surrogate) else Surrogate(surrogate or self.usual)

    def forward(self, w: Tensor) -> Tensor:
        raise NotImplementedError


def per_filter(values: Tensor, w: Tensor) -> Tensor:
    """(out_ch,) values shaped to broadcast over w (out_ch, ...)."""
    return values.reshape(-1, *([1] * (w.dim() - 1)))
