# SPDX-License-Identifier: Apache-2.0
"""A program made ready for C: one kernel per node, one place per tensor, every byte counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xnorc.errors import FitError
from xnorc.plan import arena, riding
from xnorc.plan.arena import Block, Segment
from xnorc.plan.kernel import Kernel, kernels_of
from xnorc.plan.layout import Array
from xnorc.program import Node, Program, Tensor

if TYPE_CHECKING:
    from xnorc.boards import Board

# RAM assumed for the link, the totals and the layer clock until the linker has counted it: the application takes
# about 300 bytes and 4 a node (a test holds this above what a build needs, on every board).
RESERVED, RESERVED_PER_NODE = 512, 4
_MODEL = 44  # sizeof(bnn_model_t) on Arm
_PLACE = 8  # sizeof(bnn_tensor_t)


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One node with its kernel and places.

    Attributes:
        index: position in the program.
        inputs: offsets of its inputs in the arena, bytes.
        output: offset of its output.
        scratch: offset of its scratch; 0 where it has none.
        sums: offset of the channel sums that its kernel writes as well, or None.
        rides_on: index of the step that writes this one's output, or None: see `riding`.
        arrays: (C name, array) that are defined for this node.
        shared: member path -> C name, of every array that the node's struct points to.
        flash: bytes of constants that this node adds.
        ram: bytes of the arena that live while it runs.
    """

    index: int
    node: Node
    tensors: tuple[Tensor, ...]
    kernel: Kernel
    inputs: tuple[int, ...]
    output: int
    scratch: int
    sums: int | None
    rides_on: int | None
    arrays: tuple[tuple[str, Array], ...]
    shared: dict[str, str]
    flash: int
    ram: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.node.macs(*self.tensors)

    @property
    def in_place(self) -> bool:
        """True where the output takes over an input's memory."""
        return self.output in self.inputs


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """See the module text.

    Attributes:
        arena: bytes.
        live_peak: the greatest sum of bytes that live at once; no planner gets below it.
        flash: bytes of all constants of the model, each object rounded up to a word.
    """

    program: Program
    board: Board | None
    steps: tuple[Step, ...]
    arena: int
    live_peak: int
    flash: int = field(default=0)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(step.macs for step in self.steps)

    @property
    def functions(self) -> tuple[str, ...]:
        """The C functions it calls, sorted."""
        return tuple(sorted({step.kernel.function for step in self.steps} - {""}))

    def check(self, code: int = 0, data: int | None = None) -> None:
        """Raise FitError unless the model and the rest of the firmware fit the board; without a board all fits.

        Args:
            code: bytes of flash besides the model's constants.
            data: bytes of RAM besides the arena and the stack; the planner's assumption where not known yet.

        Raises:
            FitError: naming the layer that needs most and the bytes that are missing.
        """
        if self.board is None:
            return
        memory = self.board.memory
        data = reserved_for(self.program) if data is None else data
        ram = self.arena + data + memory.stack
        if ram > memory.ram.length:
            worst = max(self.steps, key=lambda s: s.ram)
            raise FitError(
                worst.node.name,
                f"{ram - memory.ram.length} bytes of RAM too many for {self.board.name}: arena {self.arena} "
                f"(this layer keeps {worst.ram} alive) + data {data} + stack {memory.stack} of {memory.ram.length}",
                "a smaller map or fewer channels here, or a board with more RAM",
            )
        flash = self.flash + code
        if flash > memory.flash.length:
            worst = max(self.steps, key=lambda s: s.flash)
            raise FitError(
                worst.node.name,
                f"{flash - memory.flash.length} bytes of flash too many for {self.board.name}: model {self.flash} "
                f"(this layer {worst.flash}) + code {code} of {memory.flash.length}",
                "fewer channels here, or a board with more flash",
            )


def reserved_for(program: Program) -> int:
    """Bytes of RAM that the planner leaves to the application."""
    return RESERVED + RESERVED_PER_NODE * len(program.nodes)


def plan(program: Program, board: Board | None = None, reserved: int | None = None) -> Plan:
    """Choose kernels and places.

    Every node gets its fastest kernel, and channel sums ride where they can (`riding`); while the arena exceeds the
    board's RAM, the node whose run needs most RAM takes its next smaller kernel.  If that does not suffice, sums ride
    only where the arena is no larger for it.  `Plan.check` tells whether the result fits.

    Args:
        program: verified.
        board: what to fit; None takes the fastest kernels.
        reserved: bytes of RAM that neither the arena nor the stack may use; `reserved_for(program)` by default.
    """
    known = program.tensors
    tensors = [tuple(known[name] for name in node.inputs) for node in program.nodes]
    options = [kernels_of(node, ts) for node, ts in zip(program.nodes, tensors, strict=True)]
    reserved = reserved_for(program) if reserved is None else reserved
    budget = None if board is None else board.memory.ram.length - board.memory.stack - reserved
    placed = _fit(program, options, budget, rides=True)
    if budget is not None and placed.total > budget:
        placed = min(placed, _fit(program, options, budget, rides=False), key=lambda p: p.total)
    kernels, offsets = placed.kernels, placed.offsets
    names: dict[tuple[str, bytes], str] = {}
    carried = {by: rider for rider, by in placed.riders.items()}
    steps = []
    for t, node in enumerate(program.nodes):
        arrays, shared = _name_arrays(t, kernels[t], names)
        steps.append(
            Step(
                index=t,
                node=node,
                tensors=tensors[t],
                kernel=kernels[t],
                inputs=tuple(placed.at(name) for name in node.inputs),
                output=placed.at(node.output.name),
                scratch=offsets[placed.scratch_of[t]] if t in placed.scratch_of else 0,
                sums=placed.at(program.nodes[carried[t]].output.name) if t in carried else None,
                rides_on=placed.riders.get(t),
                arrays=tuple(arrays),
                shared=shared,
                flash=sum(_word(a.nbytes) for _, a in arrays) + _word(kernels[t].struct.nbytes),
                ram=placed.alive[t],
            )
        )
    own = _MODEL + _PLACE * len(steps) + _word(len(program.name) + 1)
    return Plan(
        program=program,
        board=board,
        steps=tuple(steps),
        arena=placed.total,
        live_peak=max(placed.alive),
        flash=sum(step.flash for step in steps) + own,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Placed:
    """Kernels and the arena that they need.

    Attributes:
        riders: see `riding.riders`.
        offsets: of each block.
        block_of: the block of each tensor.
        scratch_of: the block of each node's scratch, where it has any.
        alive: bytes that live while each node runs.
    """

    kernels: list[Kernel]
    riders: dict[int, int]
    offsets: list[int]
    total: int
    block_of: dict[str, int]
    scratch_of: dict[int, int]
    alive: list[int]

    def at(self, name: str) -> int:
        """Where a tensor lies."""
        return self.offsets[self.block_of[name]]


def _fit(program: Program, options: list[list[Kernel]], budget: int | None, rides: bool) -> _Placed:
    """The fastest kernels, made smaller one at a time until the arena is within the budget or none is left."""
    chosen = [0] * len(options)
    while True:
        kernels = [offers[c] for offers, c in zip(options, chosen, strict=True)]
        riders = riding.riders(program, kernels) if rides else {}
        kernels = riding.seated(program, kernels, riders)
        blocks, block_of, scratch_of = _blocks(program, kernels, riders)
        offsets, total = arena.place(blocks)
        alive = arena.live(blocks, len(options))
        smaller = [t for t in range(len(options)) if _next_smaller(options[t], chosen[t]) is not None]
        if budget is None or total <= budget or not smaller:
            return _Placed(
                kernels=kernels, riders=riders, offsets=offsets, total=total,
                block_of=block_of, scratch_of=scratch_of, alive=alive,
            )  # fmt: skip
        worst = max(smaller, key=lambda t: (alive[t], -t))
        chosen[worst] = _next_smaller(options[worst], chosen[worst]) or 0


def _next_smaller(offers: list[Kernel], now: int) -> int | None:
    """The first kernel after `now` that needs less scratch."""
    return next((i for i in range(now + 1, len(offers)) if offers[i].scratch < offers[now].scratch), None)


def _blocks(
    program: Program, kernels: list[Kernel], riders: dict[int, int]
) -> tuple[list[Block], dict[str, int], dict[int, int]]:
    """Blocks of the arena, the block of each tensor, the block of each node's scratch.

    What a rider writes lives from the node on that it rides on; it reads nothing.
    """
    end = len(program.nodes) - 1
    last = {program.input.name: end, program.output: end}  # the input is pinned, the logits outlive the run
    for t, node in enumerate(program.nodes):
        for name in (node.output.name,) if t in riders else (*node.inputs, node.output.name):
            last[name] = max(last.get(name, t), t)
    segments: list[list[Segment]] = [[Segment(0, end, program.input.nbytes)]]
    block_of = {program.input.name: 0}
    scratch_of: dict[int, int] = {}
    for t, (node, kernel) in enumerate(zip(program.nodes, kernels, strict=True)):
        life = Segment(riders.get(t, t), last[node.output.name], node.output.nbytes)
        dying = (node.inputs[i] for i in kernel.in_place if last[node.inputs[i]] == t)
        heir = next((name for name in dying if block_of[name] != 0 and name != program.output), None)
        if heir is None:
            block_of[node.output.name] = len(segments)
            segments.append([life])
        else:
            block_of[node.output.name] = block_of[heir]
            segments[block_of[heir]].append(life)
        if kernel.scratch:
            scratch_of[t] = len(segments)
            segments.append([Segment(t, t, kernel.scratch)])
    blocks = [Block(tuple(s), 0 if i == 0 else None) for i, s in enumerate(segments)]
    return blocks, block_of, scratch_of


def _name_arrays(
    t: int, kernel: Kernel, names: dict[tuple[str, bytes], str]
) -> tuple[list[tuple[str, Array]], dict[str, str]]:
    """Arrays that node t is the first to need, and the C name of every array it points to."""
    fresh, shared = [], {}
    for path, array in kernel.struct.arrays():
        if array.key not in names:
            names[array.key] = f"node_{t}_{path}"
            fresh.append((names[array.key], array))
        shared[path] = names[array.key]
    return fresh, shared


def _word(nbytes: int) -> int:
    return -(-nbytes // 4) * 4
