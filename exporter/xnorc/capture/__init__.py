# SPDX-License-Identifier: Apache-2.0
"""From any `torch.nn.Module`, or a `.pt2` archive, to a folded float graph with a value set per node."""

from __future__ import annotations

from xnorc.capture.captured import BinarizePoint, Captured
from xnorc.capture.eager import Eager
from xnorc.capture.execute import run, run_logits
from xnorc.capture.factory import load_factory
from xnorc.capture.network import capture, capture_pt2, normal_form, read_archive, read_module
from xnorc.capture.passes import OnStage, same_bits
from xnorc.capture.source import module_path, op_name, where
from xnorc.capture.traced import Traced
from xnorc.capture.values import Const, Finite, Range, Value, bounds, collapse
from xnorc.capture.weights import Kind, Weights, classify
from xnorc.errors import CaptureError

__all__ = [
    "BinarizePoint",
    "CaptureError",
    "Captured",
    "Const",
    "Eager",
    "Finite",
    "Kind",
    "OnStage",
    "Range",
    "Traced",
    "Value",
    "Weights",
    "bounds",
    "capture",
    "capture_pt2",
    "classify",
    "collapse",
    "load_factory",
    "module_path",
    "normal_form",
    "op_name",
    "read_archive",
    "read_module",
    "run",
    "run_logits",
    "same_bits",
    "where",
]
