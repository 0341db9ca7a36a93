# SPDX-License-Identifier: Apache-2.0
"""The way from a module to a captured network: run, trace, compare, normalise, infer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import fx, nn

from xnorc.capture.archive import load_program
from xnorc.capture.captured import BinarizePoint, Captured
from xnorc.capture.eager import Eager
from xnorc.capture.edit import dtype, shape
from xnorc.capture.infer import infer, is_known
from xnorc.capture.operations import is_dot, is_pool
from xnorc.capture.passes import OnStage, normalise
from xnorc.capture.passes.refuse_effects import refuse_effects
from xnorc.capture.passes.work import Work
from xnorc.capture.source import op_name, where
from xnorc.capture.trace import compare, decompose, export_program, to_graph
from xnorc.capture.traced import Traced
from xnorc.capture.values import Const, Finite, Range, Value
from xnorc.errors import CaptureError

INPUT_BOUND = 65536.0


def capture(
    module: nn.Module,
    example_input: torch.Tensor,
    *,
    tie: int | None = None,
    image: Range | None = None,
    output: int | None = None,
    probes: Sequence[torch.Tensor] = (),
    on_stage: OnStage | None = None,
) -> Captured:
    """`read_module`, then `normal_form`: a network as its author wrote it, captured."""
    traced = read_module(module, example_input, output=output)
    return normal_form(traced, tie=tie, image=image, probes=probes, on_stage=on_stage)


def capture_pt2(
    path: str | Path,
    example_input: torch.Tensor | None = None,
    *,
    tie: int | None = None,
    image: Range | None = None,
    output: int | None = None,
    probes: Sequence[torch.Tensor] = (),
    on_stage: OnStage | None = None,
) -> Captured:
    """`read_archive`, then `normal_form`: the network in a `.pt2` archive, captured."""
    traced = read_archive(path, example_input, output=output)
    return normal_form(traced, tie=tie, image=image, probes=probes, on_stage=on_stage)


def read_module(module: nn.Module, example_input: torch.Tensor, *, output: int | None = None) -> Traced:
    """Traces a network as its author wrote it.

    The module is put into eval mode, run without gradients, traced, and compared bit for bit with its own runs; its
    training flags are put back afterwards.

    Args:
        module: any `nn.Module` that takes one tensor.
        example_input: (1, ...) one input in the model's own domain (normalised, if the model expects that); of a batch
            (4 or 2 axes) the first is taken.
        output: which tensor the logits are, where the model returns several.

    Raises:
        CaptureError: the model fails, cannot be traced, changes state, or holds what has no meaning as a fixed graph.
    """
    module = _module(module)
    name = type(module).__name__
    if example_input.ndim in (2, 4) and example_input.shape[0] > 1:
        example_input = example_input[:1].clone()
    eager = Eager(module, output, name)
    with eager.running():
        first = eager.logits(example_input)
        gm = to_graph(export_program(module, example_input), output)
        refuse_effects(Work(gm, Range(-INPUT_BOUND, INPUT_BOUND)))
        compare(gm, example_input, first, name)
        for other in (example_input, another(example_input)):  # a model with a memory, or one traced for one image
            compare(gm, other, eager.logits(other), name)
    return Traced(gm, example_input, eager)


def _module(given: object) -> nn.Module:
    """The module itself, out of torch.compile's wrapper."""
    if isinstance(given, nn.Module):
        inner = getattr(given, "_orig_mod", given)
        if isinstance(inner, nn.Module):
            return inner
    what = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
    raise CaptureError("model", f"is {what}", "an nn.Module with its weights loaded")


def read_archive(path: str | Path, example_input: torch.Tensor | None = None, *, output: int | None = None) -> Traced:
    """Reads the network in a `.pt2` archive of `torch.export.save`; nothing in the file can run code.

    Args:
        path: the archive.
        example_input: by default the archive's own sample input.
        output: as in `read_module`.

    Raises:
        CaptureError: the file is no plain archive, or its program is no fixed function of one image.
    """
    program, sample = load_program(path)
    example = example_input if example_input is not None else sample
    if example is None:
        raise CaptureError(str(path), "holds no sample input", "pass an example input")
    gm = to_graph(decompose(program, str(path)), output)
    source = next(n for n in gm.graph.nodes if n.op == "placeholder")
    if shape(source) != tuple(example.shape) or dtype(source) is not example.dtype:
        raise CaptureError(
            str(path),
            f"takes {shape(source)} of {dtype(source)}, the example is {tuple(example.shape)} of {example.dtype}",
            "an example of the exported shape and dtype",
        )
    refuse_effects(Work(gm, Range(-INPUT_BOUND, INPUT_BOUND)))
    eager = Eager(program.module(check_guards=False), output, Path(path).name, switches=False)
    compare(gm, example, eager(example), Path(path).name)
    return Traced(gm, example, eager)


def another(example: torch.Tensor) -> torch.Tensor:
    """A second input from the same values: the example, mirrored and moved by one."""
    return example.flip(-1).roll(1, -1) if example.ndim > 1 else example.flip(0)


def normal_form(
    traced: Traced,
    *,
    tie: int | None = None,
    image: Range | None = None,
    probes: Sequence[torch.Tensor] = (),
    on_stage: OnStage | None = None,
) -> Captured:
    """From a traced graph (which is changed) to the captured network: everything that no longer needs the model.

    Args:
        tie: what sign(0) shall mean where a bit is needed: +1 or -1.  None leaves it to be refused or proved
            unreachable.
        image: bounds assumed of input elements; by default finite and within +-65536.
        probes: more inputs like the example; each pass is checked on the example and on them.  An example of zeros is
            a weak one: most sums are alike.
        on_stage: gets the traced graph and the graph after each pass that changed it, by name.

    Raises:
        Fault: a pass changed what the network computes.
        CaptureError: a pass refuses what it meets.
    """
    gm, example = traced.graph, traced.example
    if tie not in (None, 1, -1):
        raise CaptureError("tie", f"is {tie!r}", "+1, -1 or None")
    logits = gm.graph.output_node().args[0]
    if example.dtype in (torch.float16, torch.bfloat16):
        raise CaptureError("forward", f"computes in {example.dtype}", "module.float() and a float32 example")
    if not isinstance(logits, fx.Node):
        raise CaptureError("forward", "returns a constant", "a network that looks at its input")
    if not dtype(logits).is_floating_point:
        raise CaptureError(where(logits), f"gives {dtype(logits)}", "return the logits; the device takes their argmax")
    work = Work(gm, image or _default_bounds(example.dtype), tie)
    work.note(f"input elements are assumed to be finite and within [{work.image.lo:g}, {work.image.hi:g}]")
    normalise(work, [example, *probes], on_stage)
    values = infer(gm, work.image)
    for node in gm.graph.nodes:
        if node.op == "call_function" and not is_known(node):
            work.note(f"{where(node)}: {op_name(node)} is not known; its result is taken as real-valued")
    points = find_points(gm, values)
    return Captured(
        gm, values, example, points, tuple(work.proofs), (*traced.notes, *work.notes), traced.eager, tuple(work.moved)
    )


def _default_bounds(kind: torch.dtype) -> Range:
    if kind is torch.bool:
        return Range(0.0, 1.0, integer=True)
    if kind.is_floating_point:
        return Range(-INPUT_BOUND, INPUT_BOUND)
    return Range(float(torch.iinfo(kind).min), float(torch.iinfo(kind).max), integer=True)


def find_points(gm: fx.GraphModule, values: dict[fx.Node, Value]) -> tuple[BinarizePoint, ...]:
    """The sources whose few values reach a dot, through pools and joins too."""
    reached: dict[fx.Node, dict[fx.Node, bool]] = {}  # source -> dots -> the tie row is distinct there
    for node in gm.graph.nodes:
        if is_dot(node):
            for operand in node.all_input_nodes:
                value = values[operand]
                if isinstance(value, Finite) and not isinstance(value, Const):
                    tie = value.tie is not None and value.distinct() > value.distinct(skip_tie=True)
                    _reach(value.src, node, tie, values, reached)
    points = []
    for node in gm.graph.nodes:
        if node in reached:
            table = values[node]
            assert isinstance(table, Finite)
            tie_row = table.tie if any(reached[node].values()) else None
            points.append(BinarizePoint(node, _kind(node, values), table.codes, tie_row, tuple(reached[node])))
    return tuple(points)


def _reach(
    source: fx.Node, dot: fx.Node, tie: bool, values: dict[fx.Node, Value], reached: dict[fx.Node, dict[fx.Node, bool]]
) -> None:
    known = reached.setdefault(source, {})
    known[dot] = known.get(dot, False) or tie
    if _kind(source, values) != "binarize":
        for above in source.all_input_nodes:
            value = values[above]
            if isinstance(value, Finite):
                _reach(value.src, dot, tie, values, reached)


def _kind(node: fx.Node, values: dict[fx.Node, Value]) -> str:
    if is_pool(node):
        return "pool"
    held = [values[n] for n in node.all_input_nodes]
    return "join" if held and all(isinstance(v, Const | Finite) for v in held) else "binarize"
