# SPDX-License-Identifier: Apache-2.0
"""The one operation of a normal form that ATen has no single call for.

`var_mean` and `std_mean` find their mean by a running update; it differs from `mean` in the last bit.
"""

from __future__ import annotations

import torch


@torch.library.custom_op("xnorc::running_mean", mutates_args=())
def _running_mean(x: torch.Tensor, dim: list[int], keepdim: bool) -> torch.Tensor:
    """The mean that `torch.var_mean(x, dim, keepdim=keepdim)` returns."""
    return torch.var_mean(x, dim, keepdim=keepdim)[1].clone()


@_running_mean.register_fake
def _(x: torch.Tensor, dim: list[int], keepdim: bool) -> torch.Tensor:
    return torch.mean(x, dim, keepdim)


running_mean = torch.ops.xnorc.running_mean.default
