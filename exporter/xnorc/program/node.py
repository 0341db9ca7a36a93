# SPDX-License-Identifier: Apache-2.0
"""What every node of the integer program is, and the registry that finds them.

A node file defines one frozen dataclass that derives from `Node`: its numpy meaning (`run`), its preconditions
(`verify`), its value range (`bounds`) and its work (`macs`).  Field names equal those of the C struct.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorc.errors import ProgramError
from xnorc.program.tensor import Kind, Tensor

Bounds = tuple[int, int]  # least and greatest value that can occur


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One operation.

    Attributes:
        name: the module path in the user's model, carried into C comments and messages.
        inputs: names of the tensors it reads.
        output: the tensor it writes.
    """

    name: str
    inputs: tuple[str, ...]
    output: Tensor

    arity: ClassVar[int | None] = 1  # number of inputs; None where it varies
    in_kinds: ClassVar[tuple[Kind, ...]] = ()  # kinds every input may have

    @property
    def op(self) -> str:
        """The node's type as files, dumps and C say it: the class name in lower case."""
        return type(self).__name__.lower()

    def run(self, *arrays: np.ndarray) -> np.ndarray:
        """The definition: inputs (N, h, w, ch) in their kinds' dtypes -> output (N, h, w, ch)."""
        raise NotImplementedError

    def unclamped(self, *arrays: np.ndarray) -> np.ndarray | None:
        """int64 (N, h, w, ch): what `run` clamps to its limits; None for an operation that has no limits."""
        return None

    def check(self, *tensors: Tensor) -> None:
        """Raise ProgramError if the fields contradict each other or the input tensors."""
        raise NotImplementedError

    def bounds(self, *bounds: Bounds) -> Bounds:
        """Bounds of the output for the bounds of the inputs, before any narrowing to the output's kind."""
        raise NotImplementedError

    def macs(self, *tensors: Tensor) -> int:
        """Multiply-accumulates (binary or integer) of one inference; 0 where the op has none."""
        return 0

    def verify(self, tensors: tuple[Tensor, ...], bounds: tuple[Bounds, ...]) -> Bounds:
        """All preconditions that the kernels rely on; returns the bounds of the output."""
        if self.arity is not None and len(tensors) != self.arity:
            raise ProgramError(self.name, f"{self.op} takes {self.arity} inputs, not {len(tensors)}")
        for tensor in tensors:
            if self.in_kinds and tensor.kind not in self.in_kinds:
                allowed = ", ".join(k.value for k in self.in_kinds)
                raise ProgramError(
                    self.name, f"{self.op} cannot read {tensor.kind.value} tensor {tensor.name}", allowed
                )
        self.check(*tensors)
        low, high = self.bounds(*bounds)
        kind_low, kind_high = self.output.kind.range
        if low < kind_low or high > kind_high:
            raise ProgramError(
                self.name, f"{self.op} can give {low}..{high}, beyond its {self.output.kind.value} output"
            )
        return low, high


def expect(holds: bool, node: Node, what: str, hint: str = "") -> None:
    """Raise ProgramError for `node` unless `holds`."""
    if not holds:
        raise ProgramError(node.name, f"{node.op}: {what}", hint)


def registry() -> dict[str, type[Node]]:
    """Every node type by its `op` name; importing errors propagate."""
    package = importlib.import_module("xnorc.program.nodes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found: dict[str, type[Node]] = {}
    stack: list[type[Node]] = list(Node.__subclasses__())
    while stack:
        cls = stack.pop()
        stack.extend(cls.__subclasses__())
        if cls.__module__.startswith(package.__name__ + "."):
            key = cls.__name__.lower()
            if key in found and found[key] is not cls:
                raise ProgramError("nodes", f"two node types are called {key}")
            found[key] = cls
    return dict(sorted(found.items()))
