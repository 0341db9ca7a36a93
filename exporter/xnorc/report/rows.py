# SPDX-License-Identifier: Apache-2.0
"""Per-layer and per-byte rows of a report, as plain data.

`layers` and `spans` take a plan's steps by what they need of them (`Step`): reports do not depend on the planner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from xnorc.program import Node, Program


@dataclass(frozen=True)
class Layer:
    """One node: what it writes and what it costs.

    Attributes:
        name: the module's path in the user's model.
        kernel: the C function that runs it, which is the producer's where sums ride on it; empty where unknown.
        shape: (h, w, ch) of its output.
        kind: of its output's elements.
        macs: multiply-accumulates of one inference.
        flash: bytes of constants.
        ram: bytes of the arena that live while it runs.
        count: instructions or cycles of one inference; None where not measured.
    """

    name: str
    op: str
    kernel: str
    shape: tuple[int, int, int]
    kind: str
    macs: int
    flash: int
    ram: int
    count: float | None = None


@dataclass(frozen=True)
class Span:
    """A place in the arena: `nbytes` at `offset`, taken from node `first` to node `last`, both included."""

    label: str
    use: str  # input, tensor, scratch
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Part:
    """Some bytes of a memory.  `use`: code, constants, arena, data or stack."""

    label: str
    use: str
    nbytes: int


@dataclass(frozen=True)
class Memory:
    """Flash or RAM of a board: what it holds; `total` bytes there are, 0 where unknown."""

    name: str
    parts: tuple[Part, ...]
    total: int

    @property
    def used(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @property
    def by_use(self) -> dict[str, int]:
        """Bytes of each use, in the order in which they come."""
        found: dict[str, int] = {}
        for part in self.parts:
            found[part.use] = found.get(part.use, 0) + part.nbytes
        return found


class Kernel(Protocol):
    """What is asked of a chosen kernel."""

    @property
    def function(self) -> str: ...

    @property
    def scratch(self) -> int: ...


class Step(Protocol):
    """What is asked of a planned node: see `xnorc.plan.Step`."""

    @property
    def kernel(self) -> Kernel: ...

    @property
    def output(self) -> int: ...

    @property
    def scratch(self) -> int: ...

    @property
    def flash(self) -> int: ...

    @property
    def ram(self) -> int: ...

    @property
    def rides_on(self) -> int | None: ...


def layers(program: Program, steps: Sequence[Step], counts: Sequence[float] | None = None) -> tuple[Layer, ...]:
    """A row per node; `counts` are instructions or cycles of one inference, per node."""
    tensors = program.tensors
    return tuple(
        Layer(
            name=node.name,
            op=node.op,
            kernel=(step if step.rides_on is None else steps[step.rides_on]).kernel.function,
            shape=node.output.shape,
            kind=node.output.kind.value,
            macs=node.macs(*(tensors[name] for name in node.inputs)),
            flash=step.flash,
            ram=step.ram,
            count=None if counts is None else float(counts[index]),
        )
        for index, (node, step) in enumerate(zip(program.nodes, steps, strict=True))
    )


def labels(rows: Sequence[Layer]) -> tuple[str, ...]:
    """What to call each layer in a picture: its name, with the op where one module became several nodes."""
    names = [row.name for row in rows]
    return tuple(row.name if names.count(row.name) == 1 else f"{row.name} {row.op}" for row in rows)


def spans(program: Program, steps: Sequence[Step], input_at: int = 0) -> tuple[Span, ...]:
    """Where everything lies, and when: the input to the end, each node's output until it is last read, scratch."""
    end = len(program.nodes) - 1
    reads = [(i if step.rides_on is None else step.rides_on, node) for i, (node, step) in _numbered(program, steps)]
    last = {name: index for index, node in sorted(reads, key=lambda read: read[0]) for name in node.inputs}
    last[program.output] = end
    found = [Span(program.input.name, "input", input_at, program.input.nbytes, 0, end)]
    for index, (node, step) in _numbered(program, steps):
        tensor = node.output
        first = index if step.rides_on is None else step.rides_on
        found.append(Span(tensor.name, "tensor", step.output, tensor.nbytes, first, last.get(tensor.name, index)))
        if step.kernel.scratch:
            found.append(Span(f"scratch of {node.name}", "scratch", step.scratch, step.kernel.scratch, index, index))
    return tuple(found)


def _numbered(program: Program, steps: Sequence[Step]) -> Iterable[tuple[int, tuple[Node, Step]]]:
    return enumerate(zip(program.nodes, steps, strict=True))


def flash_memory(rows: Sequence[Layer], used: int, total: int) -> Memory:
    """Flash: `used` bytes of `total`, of which the layers' constants are known and the rest is code."""
    constants = [Part(row.name, "constants", row.flash) for row in rows if row.flash]
    code = used - sum(part.nbytes for part in constants)
    return Memory("flash", (Part("code", "code", code), *constants), total)


def ram_memory(arena: int, stack: int, used: int, total: int) -> Memory:
    """RAM: `used` bytes of `total`: the arena, the stack's reserve, and other variables."""
    data = used - arena - stack
    return Memory(
        "RAM", (Part("arena", "arena", arena), Part("variables", "data", data), Part("stack", "stack", stack)), total
    )
