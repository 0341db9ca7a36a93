# SPDX-License-Identifier: Apache-2.0
"""The network as its author gave it, run in eager PyTorch: the judge that shares no rule with the exporter.

Everything that xnorc derives from the network is held against this: the traced graph, the graph after each pass, the
integer program.  So nothing here may look at a graph or at a value rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from xnorc.capture.patches import patched
from xnorc.capture.trace import pick_output, run_eager

aten = torch.ops.aten
SIGNS = {aten.sign, aten.sgn, aten.sign_, aten.sgn_}


class Eager:
    """A module in eval mode, or the program of an archive before anything was decomposed.

    Args:
        module: takes one tensor.
        output: which tensor the logits are, where it returns several.
        name: what error messages call it.
        switches: the module has a training flag, which is put to eval while it runs and back afterwards.
    """

    def __init__(self, module: nn.Module, output: int | None, name: str, switches: bool = True) -> None:
        self.module, self.output, self.name, self.switches = module, output, name, switches

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The logits for an input of batch 1, in whatever shape the model returns them.

        Raises:
            CaptureError: the model fails on it.
        """
        with self.running():
            return self.logits(x)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Eval mode and the patches of `xnorc.capture.patches`, for several calls of `logits`."""
        training = {part: part.training for part in self.module.modules()} if self.switches else {}
        if self.switches:
            self.module.eval()
        try:
            with patched():
                yield
        finally:
            for part, flag in training.items():
                part.training = flag

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """As a call, inside `running`."""
        return pick_output(run_eager(self.module, x), self.output, self.name).detach().clone()

    def with_ties(self, x: torch.Tensor, tie: int) -> torch.Tensor:
        """The logits with sign(0) = `tie` (+1 or -1) in every torch.sign that runs: what a tie rule means."""
        with self.running(), _Ties(tie):
            return self.logits(x)


class _Ties(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """sign(0) is +1 or -1, below whatever the model does to call it."""

    def __init__(self, tie: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tie = tie

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func.overloadpacket not in SIGNS:
            return func(*args, **(kwargs or {}))
        ties = args[0] == 0  # asked before an in-place call overwrites it
        return func(*args, **(kwargs or {})).masked_fill_(ties, self.tie)
