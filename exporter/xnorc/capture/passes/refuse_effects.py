# SPDX-License-Identifier: Apache-2.0
"""Refuses what is no fixed function of one image: randomness, batch statistics, shapes or numbers taken from data."""

from __future__ import annotations

import torch
from torch import fx

from xnorc.capture.edit import aten, is_constant, is_random, packet
from xnorc.capture.passes.work import Work
from xnorc.capture.source import op_name, where
from xnorc.errors import CaptureError

BATCH_NORMS = {aten._native_batch_norm_legit, aten.native_batch_norm, aten.batch_norm, aten._batch_norm_with_update}


def refuse_effects(work: Work) -> bool:
    """Changes nothing, so returns False.

    Raises:
        CaptureError: at the first such operation.
    """
    for node in work.gm.graph.nodes:
        if node.op != "call_function":
            continue
        tags = getattr(node.target, "tags", ())
        if is_random(node) and not _is_idle_dropout(node):
            raise CaptureError(
                where(node),
                f"{op_name(node)} draws random numbers",
                "a deterministic binarizer in eval mode, e.g. sign instead of a stochastic one",
            )
        if packet(node) in BATCH_NORMS and _uses_batch_statistics(node):
            raise CaptureError(
                where(node),
                "batch norm uses the statistics of the batch",
                "eval mode with stored running statistics (track_running_stats=True, no self.train() in forward)",
            )
        if torch.Tag.data_dependent_output in tags and not is_constant(node):
            raise CaptureError(
                where(node),
                f"{op_name(node)} takes a Python number from data",
                "torch.where instead of .item() or a Python branch on a tensor",
            )
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and not all(isinstance(size, int) for size in value.shape):
            raise CaptureError(where(node), f"{op_name(node)} has a shape that depends on data", "fixed shapes")
    return False


def _is_idle_dropout(node: fx.Node) -> bool:
    return packet(node) in (aten.dropout, aten.alpha_dropout, aten.feature_dropout) and not node.args[2]


def _uses_batch_statistics(node: fx.Node) -> bool:
    """The overloads without running statistics, or with the `training` argument set."""
    if "no_stats" in str(node.target):
        return True
    schema = getattr(node.target, "_schema", None)
    for position, argument in enumerate(schema.arguments if schema is not None else ()):
        if argument.name == "training" and len(node.args) > position:
            return bool(node.args[position])
    return packet(node) is aten._batch_norm_with_update
