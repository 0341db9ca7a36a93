# SPDX-License-Identifier: Apache-2.0
"""A network as it was read, before anything of it was rewritten."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import fx

from xnorc.capture.eager import Eager


@dataclass(frozen=True, eq=False)
class Traced:
    """The traced graph and the network itself.

    Attributes:
        graph: ATen calls, constants as `get_attr`, one placeholder, one output; gives the network's own output on the
            example in every bit.
        example: one input of batch 1.
        eager: the network as it was given.
        notes: what a user should know of how it was given.
    """

    graph: fx.GraphModule
    example: torch.Tensor
    eager: Eager
    notes: tuple[str, ...] = ()
