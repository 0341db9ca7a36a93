# SPDX-License-Identifier: Apache-2.0
"""The integer program: what a network is once no real number is left.  numpy only; no torch, no C."""

from xnorc.program.node import Bounds, Node, registry
from xnorc.program.normalisation import Normalisation
from xnorc.program.program import Program
from xnorc.program.requant import Requant
from xnorc.program.store import digest, load, save
from xnorc.program.tensor import Kind, Tensor, pack_bits, unpack_bits, words
from xnorc.program.thresholds import ALWAYS, NEVER, Thresholds, from_map
from xnorc.program.window import Window

__all__ = [
    "ALWAYS", "NEVER", "Bounds", "Kind", "Node", "Normalisation", "Program", "Requant", "Tensor", "Thresholds",
    "Window", "digest", "from_map", "load", "pack_bits", "registry", "save", "unpack_bits", "words",
]  # fmt: skip
