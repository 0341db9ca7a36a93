# SPDX-License-Identifier: Apache-2.0
"""Under which arguments of a call a claim of the table holds.

A condition looks at a call's other arguments: numbers and constant tensors.  An argument that depends on the image
never meets a condition, unless the condition is about its interval; an argument that is not given always does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import fx

from xnorc.capture.edit import argument_names, dtype, given
from xnorc.capture.values import Const, Value, bounds
from xnorc.errors import Fault


@dataclass(frozen=True, eq=False)
class Call:
    """One call in a graph, and what is known of the nodes it reads."""

    node: fx.Node
    values: Mapping[fx.Node, Value]

    def argument(self, name: str) -> Any:
        """The argument of that name in the operation's schema, its default included; None where there is none."""
        return given(self.node, name) if name in argument_names(self.node) else None

    def varies(self, name: str) -> bool:
        """True where the argument depends on the image."""
        argument = self.argument(name)
        return isinstance(argument, fx.Node) and not isinstance(self.values.get(argument), Const)

    def constant(self, name: str) -> torch.Tensor | None:
        """A number or a constant tensor as float64; None where the argument is not given."""
        argument = self.argument(name)
        if isinstance(argument, fx.Node):
            value = self.values.get(argument)
            return value.tensor.to(torch.float64) if isinstance(value, Const) else None
        return torch.tensor(argument, dtype=torch.float64) if isinstance(argument, int | float) else None

    def run(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """The operation on a tensor in place of the argument of that name; all others must be constant."""
        replaced = self.argument(name)

        def operand(node: fx.Node) -> torch.Tensor:
            value = self.values.get(node)
            if node is replaced:
                return tensor
            if not isinstance(value, Const):
                raise Fault(self.node.name, f"reads {node.name}, which is no constant")
            return value.tensor

        args, kwargs = fx.node.map_arg((self.node.args, dict(self.node.kwargs)), operand)
        with torch.no_grad():
            return self.node.target(*args, **kwargs)  # type: ignore[operator]

    def rounded(self, constant: torch.Tensor) -> torch.Tensor:
        """The constant as the kernel may see it: a Python number is rounded to the dtype it meets (1e-60 becomes 0)."""
        kinds = [dtype(n) for n in self.node.all_input_nodes if dtype(n).is_floating_point]
        return constant.to(kinds[0]).to(torch.float64) if kinds else constant


class Condition(ABC):
    """What must hold of a call's arguments; prints as the words of the documentation."""

    @abstractmethod
    def holds(self, call: Call) -> bool:
        """True where the condition is met for every element."""


@dataclass(frozen=True)
class _Constant(Condition):
    """A condition on one argument that must not depend on the image."""

    name: str

    def holds(self, call: Call) -> bool:
        if call.varies(self.name):
            return False
        constant = call.constant(self.name)
        return constant is None or (self.admits(constant) and self.admits(call.rounded(constant)))

    @abstractmethod
    def admits(self, constant: torch.Tensor) -> bool: ...


@dataclass(frozen=True)
class Finite(_Constant):
    """A constant without NaN and infinity."""

    def admits(self, constant: torch.Tensor) -> bool:
        return bool(torch.isfinite(constant).all())

    def __str__(self) -> str:
        return f"{self.name} finite"


@dataclass(frozen=True)
class NoNan(_Constant):
    """A constant without NaN."""

    def admits(self, constant: torch.Tensor) -> bool:
        return not bool(constant.isnan().any())

    def __str__(self) -> str:
        return f"{self.name} not NaN"


@dataclass(frozen=True)
class Nonzero(_Constant):
    """A finite constant without zeros."""

    def admits(self, constant: torch.Tensor) -> bool:
        return bool((torch.isfinite(constant) & (constant != 0)).all())

    def __str__(self) -> str:
        return f"{self.name} finite, not 0"


@dataclass(frozen=True)
class AtLeast(_Constant):
    """A finite constant of at least `least`."""

    least: float

    def admits(self, constant: torch.Tensor) -> bool:
        return bool((torch.isfinite(constant) & (constant >= self.least)).all())

    def __str__(self) -> str:
        return f"{self.name} >= {self.least:g}"


@dataclass(frozen=True)
class Above(_Constant):
    """A finite constant greater than `least`."""

    least: float

    def admits(self, constant: torch.Tensor) -> bool:
        return bool((torch.isfinite(constant) & (constant > self.least)).all())

    def __str__(self) -> str:
        return f"{self.name} > {self.least:g}"


@dataclass(frozen=True)
class Small(_Constant):
    """A constant whose magnitude is at most `most`."""

    most: float

    def admits(self, constant: torch.Tensor) -> bool:
        return bool((constant.abs() <= self.most).all())

    def __str__(self) -> str:
        return f"|{self.name}| <= {self.most:g}"


@dataclass(frozen=True)
class Ordered(Condition):
    """low <= high, element by element; a bound that is not given is open."""

    low: str
    high: str

    def holds(self, call: Call) -> bool:
        if call.varies(self.low) or call.varies(self.high):
            return False
        low, high = call.constant(self.low), call.constant(self.high)
        every = [end for end in (low, high) if end is not None]
        return not any(end.isnan().any() for end in every) and (
            low is None or high is None or bool((low <= high).all())
        )

    def __str__(self) -> str:
        return f"{self.low} <= {self.high}"


@dataclass(frozen=True)
class Is(Condition):
    """An argument that is this Python value (None where it is not given)."""

    name: str
    value: Any

    def holds(self, call: Call) -> bool:
        argument = call.argument(self.name)
        return type(argument) is type(self.value) and bool(argument == self.value)

    def __str__(self) -> str:
        return f"{self.name} is {self.value}"


@dataclass(frozen=True)
class PositiveVariance(Condition):
    """Stored statistics under which a batch norm is a finite scale and shift."""

    def holds(self, call: Call) -> bool:
        if any(call.varies(name) for name in ("weight", "bias", "running_mean", "running_var")):
            return False
        variance, eps = call.constant("running_var"), call.argument("eps")
        return variance is not None and bool((torch.isfinite(variance) & (variance + float(eps) > 0)).all())

    def __str__(self) -> str:
        return "running_var + eps > 0"


@dataclass(frozen=True)
class FloatResult(Condition):
    """The result is a floating-point number."""

    def holds(self, call: Call) -> bool:
        return dtype(call.node).is_floating_point

    def __str__(self) -> str:
        return "to floating point"


@dataclass(frozen=True)
class FitsResult(Condition):
    """The argument's interval fits the result's dtype: what a cast to integers leaves undefined does not occur."""

    name: str

    def holds(self, call: Call) -> bool:
        kind = dtype(call.node)
        if kind.is_floating_point or kind is torch.bool:
            return True
        argument = call.argument(self.name)
        if isinstance(argument, fx.Node) and dtype(argument) is kind:
            return True
        if argument not in call.values:
            return False
        within = bounds(call.values[argument])
        reach = torch.iinfo(kind)
        return not within.nan and isfinite(within.lo) and reach.min <= within.lo and within.hi <= reach.max

    def __str__(self) -> str:
        return f"{self.name} fits the result's dtype"


@dataclass(frozen=True)
class NeverNan(Condition):
    """No element of the argument can be NaN, whatever the image."""

    name: str

    def holds(self, call: Call) -> bool:
        argument = call.argument(self.name)
        return not (isinstance(argument, fx.Node) and bounds(call.values[argument]).nan)

    def __str__(self) -> str:
        return f"{self.name} never NaN"
