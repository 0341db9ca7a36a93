# SPDX-License-Identifier: Apache-2.0
"""What every reference network is: pixels in [0, 1] in, logits out, one width factor, any binarizer by name."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from torch import Tensor, nn

from xnorc.errors import XnorcError
from xnorc.nn.binarizers import all_binarizers, make_binarizer
from xnorc.nn.discovery import pick
from xnorc.nn.ends import Stem, head
from xnorc.nn.layers import BinaryConv2d, BinaryLinear
from xnorc.nn.rprelu import RPReLU
from xnorc.nn.surrogates import Surrogate
from xnorc.nn.weights import all_weight_binarizers

AFFINES = ("both", "shift", "scale", "none")
ACTIVATIONS = ("none", "hardtanh", "prelu", "rprelu")


class Network(nn.Module):
    """Base of the networks in `xnorc.nn.networks`: the choices that they share, and the parts made by them.

    Shape: x (N, in_ch, size, size) in [0, 1] -> logits (N, classes).

    Args:
        in_ch, size: of the images; `size` must be one of `sizes`.
        width: factor on all inner channels.
        binarizer: name in `xnorc.nn.binarizers`; `options` are its keyword arguments.
        weight: name in `xnorc.nn.weights`, for the inner layers.
        surrogate: of the binarizers; "" for each one's own default.
        weight_surrogate: of the weight binarizers; "" likewise.
        ede_start: t of an `ede` surrogate at the start of training (0.1 for VGG shapes in the papers).
        latent: how weights start, see `BinaryConv2d`; of the ends, see `Stem`.
        pad_mode: padding of inner 3x3 convolutions, see `BinaryConv2d`; `replicate` holds for the first layer too,
            which has zeros otherwise.
        affine: what batch norms ahead of binarizers learn: `both` gamma and beta; `shift`, gamma stays 1, so that no
            comparison is ever turned round and DeSign's two forms are one; `scale`, beta stays 0; or `none`.
        ends: weights of the first and last layers, see `Stem`.
        activation: between sum and binarizer: `none`, `hardtanh`, `prelu` or `rprelu`.
        real: a real-valued twin (ReLU for the binarizers, all weights as they are, `ends` as well): a teacher.

    Attributes:
        name: what recipes call it.
        sizes: the image sizes it is made for.

    Raises:
        XnorcError: a size it is not made for, or a name or option that does not exist.
    """

    name: ClassVar[str]
    sizes: ClassVar[tuple[int, ...]] = (28, 32)
    ends: ClassVar[str] = "int8"
    activation: ClassVar[str] = "none"

    def __init__(
        self,
        *,
        in_ch: int = 3,
        size: int = 32,
        width: float = 1.0,
        binarizer: str = "sign",
        weight: str = "sign",
        surrogate: str = "",
        weight_surrogate: str = "",
        ede_start: float = 1e-3,
        latent: str = "fan",
        pad_mode: str = "zero",
        affine: str = "both",
        ends: str = "",
        activation: str = "",
        real: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        if size not in self.sizes:
            allowed = " or ".join(f"{s}x{s}" for s in self.sizes)
            raise XnorcError(f"network {self.name}", f"images of {size}x{size}", allowed)
        self.in_ch, self.size, self.width, self.real = in_ch, size, width, real
        self._binarizer, self._options, self._surrogate = binarizer, options, surrogate
        self._weight, self._weight_surrogate, self._ede_start = weight, weight_surrogate, ede_start
        self._latent, self._pad_mode = latent, pad_mode
        self._ends = "real" if real else ends or type(self).ends
        self._activation = activation or type(self).activation
        if self._activation not in ACTIVATIONS:
            raise XnorcError(f"network {self.name}", f"activation {activation!r}", f"one of {', '.join(ACTIVATIONS)}")
        if affine not in AFFINES:
            raise XnorcError(f"network {self.name}", f"affine {affine!r}", f"one of {', '.join(AFFINES)}")
        self._gamma, self._beta = affine in ("both", "scale"), affine in ("both", "shift")
        self._check_options()

    def _check_options(self) -> None:
        """Refuse an option that neither the network nor its binarizer has."""
        kind = pick(all_binarizers(), self._binarizer, "binarizer")
        theirs = sorted(kind.option_names())
        for key in self._options:
            if key not in theirs:
                ours = {k for c in (type(self), Network) for k in inspect.signature(c.__init__).parameters}
                ours -= {"self", "classes", "choices", "options"}
                raise XnorcError(
                    f"network {self.name}",
                    f"neither it nor its binarizer {self._binarizer} has an option {key!r}",
                    f"the network has {', '.join(sorted(ours))}; {self._binarizer} has {', '.join(theirs) or 'none'}",
                )

    def scaled(self, channels: int, multiple: int = 4) -> int:
        """channels * width, rounded to a positive multiple (tiles of DeSign cycle over 4 channels)."""
        return max(multiple, round(channels * self.width / multiple) * multiple)

    def stem(self, out_ch: int, *, pad: int = 1) -> Stem:
        """The first layer: convolution of pixels 3x3 and batch norm."""
        border = "replicate" if self._pad_mode == "replicate" else "zero"
        made = Stem(self.in_ch, out_ch, pad=pad, pad_mode=border, weight=self._ends, latent=self._latent)
        self._settle(made[1])
        return made

    def classify(self, in_features: int, classes: int) -> nn.Module:
        """The last layer: (N, in_features) -> logits (N, classes)."""
        return head(in_features, classes, self._ends, self._latent)

    def norm(self, channels: int) -> nn.BatchNorm2d:
        """A batch norm of maps, of which `affine` is learned."""
        made = nn.BatchNorm2d(channels)
        self._settle(made)
        return made

    def flat_norm(self, channels: int) -> nn.BatchNorm1d:
        """The same of vectors (N, C)."""
        made = nn.BatchNorm1d(channels)
        self._settle(made)
        return made

    def _settle(self, norm: nn.Module) -> None:
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        norm.weight.requires_grad_(self._gamma)
        norm.bias.requires_grad_(self._beta)

    def conv(self, in_ch: int, out_ch: int, kernel: int = 3, *, stride: int = 1, pad: int | None = None) -> nn.Module:
        """A binary convolution; `pad` is kernel // 2 unless given."""
        pad = kernel // 2 if pad is None else pad
        if self.real:
            return nn.Conv2d(in_ch, out_ch, kernel, stride, pad, bias=False)
        surrogate = self._weight_gradient()
        return BinaryConv2d(
            in_ch,
            out_ch,
            kernel,
            stride=stride,
            pad=pad,
            pad_mode=self._pad_mode,
            weight=self._weight,
            latent=self._latent,
            surrogate=surrogate,
        )

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        """A binary linear layer."""
        if self.real:
            return nn.Linear(in_features, out_features, bias=False)
        surrogate = self._weight_gradient()
        return BinaryLinear(in_features, out_features, weight=self._weight, latent=self._latent, surrogate=surrogate)

    def binarize(self, channels: int, norm: nn.BatchNorm2d | None = None, *, flat: bool = False) -> nn.Module:
        """The network's binarizer for `channels`, told of the batch norm just ahead; `flat` for (N, C) inputs."""
        if self.real:
            return nn.ReLU()
        usual = pick(all_binarizers(), self._binarizer, "binarizer").usual
        surrogate = Surrogate(self._surrogate or usual, span=(self._ede_start, 1e1))
        made = make_binarizer(self._binarizer, channels, flat=flat, surrogate=surrogate, **self._options)
        made.follow(norm)
        if self._activation == "hardtanh":
            made.reads(-1.0, 1.0)
        return made

    def activate(self, channels: int) -> nn.Module:
        """The network's activation ahead of a binarizer or after a residual sum."""
        if self._activation == "rprelu":
            return RPReLU(channels)
        if self._activation == "prelu":
            return nn.PReLU(channels)
        return nn.Hardtanh() if self._activation == "hardtanh" else nn.Identity()

    def _weight_gradient(self) -> Surrogate:
        usual = pick(all_weight_binarizers(), self._weight, "weight binarizer").usual
        return Surrogate(self._weight_surrogate or usual, span=(self._ede_start, 1e1))

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
