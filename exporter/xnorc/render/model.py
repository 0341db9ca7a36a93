# SPDX-License-Identifier: Apache-2.0
"""Plan -> `model.h` (constants and calls, included by firmware/app/model.c) and `bnn_model_size.h`."""

from __future__ import annotations

from dataclasses import dataclass

from xnorc.plan import Plan, Step
from xnorc.program import digest
from xnorc.render.ctext import ArrayText, Line, array_text, initialiser
from xnorc.render.templates import render

ABI = 5  # BNN_ABI of the runtime that these headers are for


@dataclass(frozen=True)
class StepText:
    """One node, as the template prints it."""

    index: int
    title: str
    what: str
    ctype: str
    arrays: tuple[ArrayText, ...]
    members: tuple[Line, ...]
    function: str
    inputs: tuple[int, ...]
    takes_array: bool
    output: int
    nbytes: int
    scratch: int | None
    sums: int | None
    rides_on: int | None


def render_model(plan: Plan) -> dict[str, str]:
    """File name -> text.  Equal plans give equal bytes."""
    program = plan.program
    lines = program.dump().splitlines()
    steps = [_step_text(step, lines[1 + step.index].strip()) for step in plan.steps]
    logits = next(step.output for step in plan.steps if step.node.output.name == program.output)
    size = {
        "arena_bytes": max(plan.arena, 8),
        "logits": program.logits.size,
        "nodes": len(plan.steps),
        "input_bytes": program.input.nbytes,
    }
    model = render(
        "model.h.j2",
        abi=ABI,
        name=program.name.replace('"', "."),
        digest=[f"0x{byte:02X}" for byte in digest(program)],
        board=None if plan.board is None else plan.board.name,
        flash=plan.flash,
        head=lines[0],
        steps=steps,
        logits_at=logits,
        logits_bytes=program.logits.nbytes,
        last=steps[-1].index,
    )
    return {"model.h": model, "bnn_model_size.h": render("model_size.h.j2", **size)}


def _step_text(step: Step, line: str) -> StepText:
    kernel = step.kernel
    return StepText(
        index=step.index,
        title=step.node.name,
        what=line,
        ctype=kernel.struct.ctype,
        arrays=tuple(array_text(name, array) for name, array in step.arrays),
        members=initialiser(kernel.struct, step.shared),
        function=kernel.function,
        inputs=step.inputs,
        takes_array=kernel.takes_array,
        output=step.output,
        nbytes=step.node.output.nbytes,
        scratch=step.scratch if kernel.takes_scratch else None,
        sums=step.sums,
        rides_on=step.rides_on,
    )
