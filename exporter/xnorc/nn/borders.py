# SPDX-License-Identifier: Apache-2.0
"""Edge values around a map: one operation in eager and exported code, slices inside torch.compile.

The two give the same numbers.  Under torch.compile the gradient of the one operation is slow in bf16, and torch 2.13
expects it in another layout than it comes in (channels last), which ends in an AssertionError; slices fuse.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def replicated(x: Tensor, pad: int) -> Tensor:
    """x (N, C, H, W) -> (N, C, H + 2 pad, W + 2 pad): `pad` more rows and columns of edge values on each side."""
    if not torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return functional.pad(x, (pad,) * 4, mode="replicate")
    x = torch.cat([x[:, :, :1]] * pad + [x] + [x[:, :, -1:]] * pad, 2)
    return torch.cat([x[:, :, :, :1]] * pad + [x] + [x[:, :, :, -1:]] * pad, 3)
