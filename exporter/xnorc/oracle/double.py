# SPDX-License-Identifier: Apache-2.0
"""How far PyTorch's float32 logits are from the same graph's in float64: what its rounding comes to at the very end.

A batch norm behind the last layer may take two large numbers from one another; no share of the greatest logit then
bounds what float32 loses.  Asked on the same images, float64 says how much that is.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from xnorc.capture import run
from xnorc.lower import Lowered
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.logits import AFFINE, without_softmax

TIMES = 8.0  # how many times the rounding of one float32 result another order of its sums may come to


def logits_explained(lowered: Lowered, x: np.ndarray, share: float) -> bool:
    """Whether every logit of the program is PyTorch's, up to `share` of the greatest and TIMES float32's own rounding.

    Lowering reads the way from the last sum to the logit off float32 results at the ends of its range, where sums and
    their rounding are larger than on any image: up to AFFINE of the greatest logit that can be (`xnorc.lower.logits`).
    Where a bit differs in float64, its image explains nothing: that is for the bits to tell.
    """
    captured, unit = lowered.captured, lowered.program.logits.scale or 1.0
    scores = without_softmax(captured)
    wide = copy.deepcopy(captured.graph).double()
    named = {node.name: node for node in wide.graph.nodes}
    # Some operations make float32 of anything (a choice between two numbers, a cast): widened at once.
    widened = {node: _wide for node in wide.graph.nodes if node.op == "call_function"}
    ours = lowered.program.run(x) * unit
    reach = unit * max(map(abs, lowered.program.verify()[lowered.program.output]))
    for i in range(len(x)):
        real = images_to_float(x[i : i + 1], captured.example, lowered.options)
        single = run(captured.graph, {captured.input: real}, [scores])[scores].reshape(-1).double().numpy()
        end, start = named[scores.name], named[captured.input.name]
        double = run(wide, {start: real.double()}, [end], widened)[end].reshape(-1).double().numpy()
        allowed = share * np.abs(single).max() + TIMES * np.abs(single - double).max() + AFFINE * reach
        if np.abs(ours[i] - single).max() > allowed:
            return False
    return True


def _wide(value: Any) -> Any:
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
