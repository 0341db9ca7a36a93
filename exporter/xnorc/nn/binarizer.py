# SPDX-License-Identifier: Apache-2.0
"""What every activation binarizer is: a module from real activations to +-1 with a declared bit at zero."""

from __future__ import annotations

import inspect
from typing import ClassVar

from torch import Tensor, nn

from xnorc.errors import XnorcError
from xnorc.nn.discovery import check_sizes
from xnorc.nn.surrogates import Surrogate


class Binarizer(nn.Module):
    """Base of the binarizers in `xnorc.nn.binarizers`.

    A subclass sets `name`, and computes in `forward` a margin m(x), returning `self.step(m)`: +1 where m >= 0.

    Shape: x (N, C, H, W), or (N, C) where `spatial` is False -> +-1 of the same shape and dtype.

    Attributes:
        name: what recipes and networks call it.
        spatial: True where it needs a map; after a flatten networks use plain `sign` instead, as the papers do.
            (RSign needs none, and stays.)
        at_zero: the value at m = 0.
        usual: the surrogate that the paper used.
        signed: options that may be 0 or less; all other numbers must be positive.

    Args:
        channels: C of the input.
        surrogate: name of the surrogate gradient, or a configured `Surrogate`; "" for the usual one.

    Raises:
        XnorcError: a number of channels that is none, or an unknown surrogate or option.
    """

    name: ClassVar[str]
    spatial: ClassVar[bool] = False
    at_zero: ClassVar[int] = +1
    usual: ClassVar[str] = "bireal"
    signed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, channels: int, surrogate: str | Surrogate = "") -> None:
        super().__init__()
        check_sizes(type(self).__name__, channels=channels)
        self.channels = channels
        self.step = surrogate if isinstance(surrogate, Surrogate) else Surrogate(surrogate or self.usual)

    @classmethod
    def option_names(cls) -> set[str]:
        """Keyword arguments that are this binarizer's own: all but channels and surrogate."""
        return set(inspect.signature(cls).parameters) - {"channels", "surrogate"}

    def follow(self, norm: nn.BatchNorm2d | nn.BatchNorm1d | None) -> None:
        """Networks call this with the batch norm ahead, None where none is; only a gamma-scaled `DeSign` listens."""

    def reads(self, low: float, high: float) -> None:
        """Networks call this where the activation ahead bounds the input; refuses what could never take effect.

        Raises:
            XnorcError: thresholds lie beyond the range.
        """

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.channels}"

    def expect(self, x: Tensor) -> None:
        """Refuse an input that is not of this binarizer's channels, or no map where it needs one.

        Raises:
            XnorcError: says what came and what was wanted.
        """
        if x.dim() < 2 or x.shape[1] != self.channels or (self.spatial and x.dim() != 4):
            wanted = f"(N, {self.channels}, H, W)" if self.spatial else f"(N, {self.channels}, ...)"
            raise XnorcError(type(self).__name__, f"an input of shape {tuple(x.shape)}", wanted)

    def per_channel(self, values: Tensor, x: Tensor) -> Tensor:
        """(C,) or (N, C) values shaped to broadcast over x (N, C, ...)."""
        return values.reshape(-1, self.channels, *([1] * (x.dim() - 2)))
