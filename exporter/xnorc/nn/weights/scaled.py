# SPDX-License-Identifier: Apache-2.0
"""Sign times the filter's mean magnitude (XNOR-Net, arXiv 1603.05279 section 3.1; ReActNet)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xnorc.nn.weight_binarizer import WeightBinarizer, per_filter


class ScaledWeight(WeightBinarizer):
    """w -> +-a[o], a = mean|w[o]| without gradient, as in ReActNet's code.  The exporter folds a into thresholds."""

    name: ClassVar[str] = "scaled"

    def forward(self, w: Tensor) -> Tensor:
        signs: Tensor = self.step(w)
        return signs * per_filter(w.flatten(1).abs().mean(1).detach(), w)
