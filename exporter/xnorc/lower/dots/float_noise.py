# SPDX-License-Identifier: Apache-2.0
"""How far torch's own float sum lies from the exact one, measured on the layer's own shape.

A sum of +-1 products is exact in float32 below 2^24, in any order.  With real scales or pixels inside, the order
decides the last bits; the textbook bound is far too wide to be of use, so the noise is measured: twice the largest
deviation from float64 over RUNS random inputs.  `lower.bits` counts the thresholds that lie closer than that to a
possible sum.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from xnorc.lower.dots.operand import Operand
from xnorc.lower.dots.rerun import rerun, rerun_in
from xnorc.lower.graph.ops import dtype_of
from xnorc.program import Kind

RUNS = 4


def measured_noise(
    node: fx.Node, x: Operand, w: np.ndarray, scale: np.ndarray | None, offset: np.ndarray
) -> np.ndarray:
    """float64 (elements of the node,): the bound used around its exact value."""
    unit = scale is not None and bool((np.abs(scale) == 1).all()) and not offset.any()
    if unit and bool((np.abs(x.slope[x.at >= 0]) == 1).all()):
        return np.zeros(len(offset))
    rng = np.random.default_rng(0)
    low, high = (-1, 1) if x.tensor.kind is Kind.BIT else x.tensor.kind.range
    worst = 0.0
    w_float = torch.from_numpy(w).to(dtype_of(node))
    for _ in range(RUNS):
        q = rng.choice([-1, 1], len(x.at)) if x.tensor.kind is Kind.BIT else rng.integers(low, high + 1, len(x.at))
        real = torch.from_numpy(q * x.slope + x.offset).to(dtype_of(node))
        torch_says = rerun_in(node, real, w_float, bias=True).to(torch.float64).numpy()
        exact = rerun(node, real.to(torch.float64).numpy(), w_float.to(torch.float64).numpy(), bias=True)
        worst = max(worst, float(np.abs(torch_says - exact).max()))
    # The chain reads the sum rounded to its dtype: half a unit in the last place is no noise of ours, but costs
    # nothing.
    return np.full(len(offset), 2 * worst)
