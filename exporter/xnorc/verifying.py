# SPDX-License-Identifier: Apache-2.0
"""`xnorc.verify`: a network lowered in memory and compared with PyTorch on the user's images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from xnorc.exporting import lower_module
from xnorc.faults import reported
from xnorc.options import shows_options
from xnorc.oracle.compare import Comparison, compare


@shows_options
@reported
def verify(
    module: nn.Module,
    example_input: torch.Tensor,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    exact_sums: bool = False,
    output: int | None = None,
    **options: Any,
) -> Comparison:
    """Lower a network in memory and compare the program with the network itself.

    Args:
        module, example_input, output, options: as in `xnorc.export`.
        x: uint8 (N, h, w, ch) images; y: their labels (N,), where they are known.
        exact_sums: see `xnorc.oracle.compare`.

    Raises:
        CaptureError, LowerError, DataError, Fault: as `xnorc.export` and `compare`.
    """
    return compare(lower_module(module, example_input, output=output, **options), x, y, exact_sums)
