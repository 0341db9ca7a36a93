# SPDX-License-Identifier: Apache-2.0
"""Sign of the latent weight minus its filter's mean (ReCU, arXiv 2103.12369; BinaryViT's linear layers)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xnorc.nn.surrogates import Surrogate
from xnorc.nn.weight_binarizer import WeightBinarizer, per_filter


class CentredWeight(WeightBinarizer):
    """w -> +-1 as w >= mean(w[o]); times mean|w[o]| of the uncentred weights, without gradient, where `scale`."""

    name: ClassVar[str] = "centred"

    def __init__(self, out_ch: int, surrogate: str | Surrogate = "", *, scale: bool = False) -> None:
        super().__init__(out_ch, surrogate)
        self.scale = scale

    def forward(self, w: Tensor) -> Tensor:
        flat = w.flatten(1)
        signs: Tensor = self.step(w - per_filter(flat.mean(1), w))
        return signs * per_filter(flat.abs().mean(1).detach(), w) if self.scale else signs
