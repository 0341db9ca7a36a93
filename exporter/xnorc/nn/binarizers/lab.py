# SPDX-License-Identifier: Apache-2.0
"""LAB, the learnable activation binarizer (arXiv 2210.13858): a 3x3 depthwise kernel decides each bit.

The paper compares two depthwise maps, k1*x + b1 > k0*x + b0.  Only their difference matters, so it is what is
learned here: D = k1 - k0 and d = b1 - b0, half the taps.  Under SGD this equals the two-map form at half the
learning rate for D; its temperature beta is the surrogate's steepness, fixed at 1.  A tie gives -1, as argmax does.
`take_over` turns kernels that were trained in the paper's form into this one.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from xnorc.errors import XnorcError
from xnorc.nn.binarizer import Binarizer
from xnorc.nn.borders import replicated
from xnorc.nn.surrogates import Surrogate

INITS = ("glorot", "centre")
PADS = ("replicate", "zero")


class LAB(Binarizer):
    """x -> +1 where D[c] * x[c] + d[c] > 0, D[c] a 3x3 kernel per channel (the paper's figure).

    Shape: x (N, C, H, W).

    Args:
        channels: C.
        surrogate: `tanh`: the gradient is that of 2 softmax - 1 over the two maps.
        pad: `replicate` (one threshold per channel on the device) or `zero` (the paper's).
        init: `glorot`, the difference of two kernels uniform in +-sqrt(6 / (9C + 18)) as the authors'; or `centre`,
            1 in the middle and noise of 0.01 around it, which starts close to sign.

    Attributes:
        taps: (C, 1, 3, 3) D.
        bias: (C,) d, starts at 0.
    """

    name: ClassVar[str] = "lab"
    usual: ClassVar[str] = "tanh"
    spatial: ClassVar[bool] = True
    at_zero: ClassVar[int] = -1
    planes: ClassVar[int] = 1

    def __init__(
        self,
        channels: int,
        surrogate: str | Surrogate = "",
        *,
        pad: str = "replicate",
        init: str = "glorot",
    ) -> None:
        super().__init__(channels, surrogate)
        if init not in INITS or pad not in PADS:
            raise XnorcError(
                self.name, f"init {init!r}, pad {pad!r}", f"init {' or '.join(INITS)}, pad {' or '.join(PADS)}"
            )
        self.pad = pad
        self.taps = nn.Parameter(self.first_taps(init))
        self.bias = nn.Parameter(torch.zeros(channels))

    def first_taps(self, init: str) -> Tensor:
        """Taps at the start, (C, planes, 3, 3); the last plane is the one that `centre` passes."""
        shape = (self.channels, self.planes, 3, 3)
        if init == "centre":
            taps = torch.randn(shape) * 0.01
            taps[:, -1, 1, 1] += 1
            return taps
        bound = (6 / (9 * self.channels + 18)) ** 0.5
        first, second = (torch.empty(shape).uniform_(-bound, bound) for _ in range(2))
        return second - first if self.planes == 1 else first

    def take_over(self, weight: Tensor, bias: Tensor, beta: float = 1.0) -> None:
        """Become the binarizer of a network trained in the paper's form, of two maps per channel.

        A beta below 0 turns the comparison round, and 0 gives -1 everywhere, as there.

        Args:
            weight: (2C, 1, 3, 3) of a depthwise Conv2d; output 2c + q is map q of channel c.
            bias: (2C,).
            beta: the trained temperature.

        Raises:
            XnorcError: weights or biases of another shape.
        """
        c = self.channels
        if weight.shape != (2 * c, 1, 3, 3) or bias.shape != (2 * c,):
            shapes = f"weights {tuple(weight.shape)}, biases {tuple(bias.shape)}"
            raise XnorcError(self.name, shapes, f"({2 * c}, 1, 3, 3) and ({2 * c},)")
        sign = (beta > 0) - (beta < 0)
        with torch.no_grad():
            taps, difference = self.compared(weight.reshape(c, 2, 3, 3), bias.reshape(c, 2))
            self.taps.copy_(sign * taps)
            self.bias.copy_(sign * difference)

    def compared(self, kernels: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps' kernels (C, 2, 3, 3) and biases (C, 2) -> taps and bias of what is compared."""
        return (kernels[:, 1] - kernels[:, 0])[:, None], biases[:, 1] - biases[:, 0]

    def margin(self, x: Tensor) -> Tensor:
        """D * x + d, (N, C, H, W)."""
        if self.pad == "zero":
            return functional.conv2d(x, self.taps, self.bias, 1, 1, 1, self.channels // self.planes)
        return functional.conv2d(replicated(x, 1), self.taps, self.bias, 1, 0, 1, self.channels // self.planes)

    def forward(self, x: Tensor) -> Tensor:
        self.expect(x)
        return -self.step(-self.margin(x))  # the step is +1 at zero, LAB is -1


class LABPair(LAB):
    """The form that the authors' published code computes: two input channels for every bit.

    With h = C/2 + j // 2 and l = j // 2:   x -> out[j] = +1 where K[j] * x[h] - L[j] * x[l] + d[j] > 0.  (Its reshape
    pairs the two maps across channels: channels 2i and 2i + 1 both see inputs i and C/2 + i.)  C must be even.

    Attributes:
        taps: (C, 2, 3, 3): -L, then K.
    """

    name: ClassVar[str] = "lab_pair"
    planes: ClassVar[int] = 2

    def __init__(
        self, channels: int, surrogate: str | Surrogate = "", *, pad: str = "replicate", init: str = "glorot"
    ) -> None:
        if channels % 2:
            raise XnorcError(self.name, f"{channels} channels", "an even number")
        super().__init__(channels, surrogate, pad=pad, init=init)

    def compared(self, kernels: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
        j = torch.arange(self.channels)
        low, high, q = j // 2, self.channels // 2 + j // 2, j % 2
        return torch.stack([-kernels[low, q], kernels[high, q]], 1), biases[high, q] - biases[low, q]

    def margin(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        pairs = x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)  # channels 0, C/2, 1, C/2 + 1, ...
        return super().margin(pairs)
