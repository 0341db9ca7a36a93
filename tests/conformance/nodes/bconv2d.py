# SPDX-License-Identifier: Apache-2.0
"""Binary convolutions."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, conv_fields, pair, signs
from tests.conformance.grower import Grower
from xnorc.program import Kind
from xnorc.program.nodes.bconv2d import BConv2d


def build(f: Fields, rng: Rng) -> Built:
    """Random weights; thresholds within the dots, or beyond them where the case says so."""
    kh, kw = pair(f.get("kernel", 1))
    weights = signs(rng, f["out_ch"], kh, kw, f["in_ch"] // f.get("groups", 1))
    if f.get("weights") == "ones":
        weights = np.ones_like(weights)
    n = weights[0].size
    x, fields = conv_fields(f, rng, Kind.BIT, weights, -n, n)
    return BConv2d(**fields), (x,)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(Kind.BIT)) is None:
        return False
    return grower.conv(BConv2d, x, lambda *shape: signs(grower.rng, *shape), 1, Kind.I16, rescales=False)
