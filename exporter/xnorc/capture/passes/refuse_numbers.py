# SPDX-License-Identifier: Apache-2.0
"""Refuses numbers that no integer program can stand for: complex ones, and the NaN of a negative variance."""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, packet, tensor_of
from xnorc.capture.passes.work import Work
from xnorc.capture.source import op_name, where
from xnorc.errors import CaptureError

BATCH_NORMS = {aten.batch_norm: 7, aten._native_batch_norm_legit_no_training: 6}
"""Where eps stands among the arguments; the running variance is always the fifth."""


def refuse_numbers(work: Work) -> bool:
    """Changes nothing, so returns False.

    Raises:
        CaptureError: at the first such operation.
    """
    for node in work.gm.graph.nodes:
        value = node.meta.get("val")
        called = node.op == "call_function"
        if called and isinstance(value, torch.Tensor) and value.dtype.is_complex:
            raise CaptureError(where(node), f"{op_name(node)} gives complex numbers", "real ones")
        if packet(node) in BATCH_NORMS:
            _check_variance(node, work)
    return False


def _check_variance(node: fx.Node, work: Work) -> None:
    source, eps = node.args[4], node.args[BATCH_NORMS[packet(node)]]
    if not isinstance(source, fx.Node) or source.op != "get_attr" or not isinstance(eps, float):
        return
    held = tensor_of(work.gm, source)
    bad = torch.nonzero(~(held + eps > 0)).flatten().tolist()
    if bad:
        raise CaptureError(
            where(node),
            f"batch norm has a running variance of {float(held[bad[0]]):g} in channel {bad[0]}: its result is NaN",
            "variances of at least 0; a damaged checkpoint?",
        )
