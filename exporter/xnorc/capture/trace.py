# SPDX-License-Identifier: Apache-2.0
"""From a module, or an exported program, to a plain graph: constants as `get_attr`, one placeholder, one output.

The program is decomposed with the *empty* table: that makes it functional and expands what is merely composite, and
every remaining call is the very ATen operation eager mode runs.  The default table would change rounding in the last
bit.
"""

from __future__ import annotations

import linecache
import warnings
from typing import Any

import torch
from torch import fx, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from xnorc.capture.edit import as_meta, is_constant
from xnorc.capture.execute import run, run_logits
from xnorc.capture.source import is_users, where
from xnorc.errors import CaptureError

WHICH = "say which are the logits: output=<index>, --logits <index>"


def run_eager(module: nn.Module, example: torch.Tensor) -> Any:
    """One forward pass of the model itself, without gradients: what everything later is compared with.

    Raises:
        CaptureError: the model fails on its own example.
    """
    try:
        with torch.no_grad():
            return module(example.clone())
    except Exception as error:
        raise CaptureError(
            user_line(error) or type(module).__name__,
            f"the model itself fails: {one_line(error)}",
            f"example input of shape {tuple(example.shape)}, {example.dtype}",
        ) from error


def pick_output(result: Any, output: int | None, name: str) -> torch.Tensor:
    """The logits among whatever the model returns.

    Raises:
        CaptureError: several tensors and no choice, or none.
    """
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
    if len(leaves) == 1 or (output is not None and 0 <= output < len(leaves)):
        return leaves[output or 0]
    shapes = ", ".join(f"{i}: {tuple(leaf.shape)}" for i, leaf in enumerate(leaves))
    raise CaptureError(name, f"the model returns {len(leaves)} tensors ({shapes})", WHICH)


def export_program(module: nn.Module, example: torch.Tensor) -> ExportedProgram:
    """The exported, decomposed program of a module in eval mode, non-strict first, then strict.

    Raises:
        CaptureError: no way of tracing takes the model; the message carries the model's own line.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise CaptureError(
            type(module).__name__,
            "is a ScriptModule, whose Python source is gone",
            "export the nn.Module it was scripted from",
        )
    first: Exception | None = None
    for strict in (False, True):
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.export.export(module, (example,), strict=strict)
                _refuse_fakes(program)
                return program.run_decompositions({})
        except CaptureError:
            raise
        except Exception as error:
            first = first or error
    assert first is not None
    raise CaptureError(user_line(first) or type(module).__name__, *_explain(first)) from first


def decompose(program: ExportedProgram, name: str) -> ExportedProgram:
    """An exported program, decomposed with the empty table.

    Raises:
        CaptureError: torch cannot decompose it.
    """
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return program.run_decompositions({})
    except Exception as error:
        raise CaptureError(name, *_explain(error)) from error


def _refuse_fakes(program: ExportedProgram) -> None:
    """A tensor that was born while tracing has no values; decomposing such a program kills the interpreter."""
    for name, held in program.constants.items():
        if isinstance(held, torch._subclasses.FakeTensor):
            raise CaptureError(
                name,
                "is a tensor made while tracing, not a constant of the model",
                "assign tensors in __init__, not through .data in forward",
            )


def to_graph(program: ExportedProgram, output: int | None = None) -> fx.GraphModule:
    """A decomposed program as a graph module of its own.

    Every lifted parameter, buffer and constant becomes a buffer `c<i>` behind a `get_attr` node whose
    `meta["origin"]` is its dotted name.  `meta["val"]` of every node becomes a meta tensor.

    Raises:
        CaptureError: the forward pass writes to a buffer or to its input, or there is not exactly one input.
    """
    signature = program.graph_signature
    graph = fx.Graph()
    gm = fx.GraphModule(nn.Module(), graph)
    specs = {spec.arg.name: spec for spec in signature.input_specs if hasattr(spec.arg, "name")}
    copies: dict[fx.Node, fx.Node] = {}
    inputs: list[str] = []
    for node in program.graph.nodes:
        if node.op == "output":
            logits = _chosen(program, node, output)
            _refuse_mutation(gm, program, copies)
            graph.output(copies[logits])
            continue
        spec = specs.get(node.name) if node.op == "placeholder" else None
        if spec is not None and spec.kind is not InputKind.USER_INPUT:
            copies[node] = _constant(gm, graph, program, spec)
            continue
        if node.op == "get_attr":
            raise CaptureError(where(node), f"has a sub-graph ({node.target})", "no torch.cond, map or while_loop")
        if node.op == "placeholder":
            inputs.append(node.name)
        copies[node] = graph.node_copy(node, copies.__getitem__)
        copies[node].meta = {k: node.meta[k] for k in ("stack_trace", "nn_module_stack") if k in node.meta}
        copies[node].meta["val"] = as_meta(node.meta.get("val"))
    if len(inputs) != 1:
        raise CaptureError("forward", f"takes {len(inputs)} inputs ({', '.join(inputs)})", "one image tensor")
    graph.eliminate_dead_code()
    gm.recompile()
    return gm


def compare(gm: fx.GraphModule, example: torch.Tensor, eager: torch.Tensor, name: str) -> None:
    """Checks that the graph gives the model's own output, bit for bit.

    Raises:
        CaptureError: it does not, or the output holds NaN.
    """
    if not torch.isfinite(eager).all():
        raise CaptureError(name, "the model's output is not finite on the example", "finite weights and inputs")
    got = run_logits(gm, example)
    if got.shape != eager.shape or not torch.equal(got, eager):
        worst = (got - eager).abs().max().item() if got.shape == eager.shape else float("nan")
        raise CaptureError(
            name,
            f"the captured graph differs from the model by {worst:.3g}",
            "a forward pass that depends on state, on randomness or on the grad mode",
        )


def _constant(gm: fx.GraphModule, graph: fx.Graph, program: ExportedProgram, spec: Any) -> fx.Node:
    name = spec.target
    tensor = program.state_dict.get(name)
    if tensor is None:
        tensor = program.constants[name]
    if not isinstance(tensor, torch.Tensor) or isinstance(tensor, torch._subclasses.FakeTensor):
        raise CaptureError(
            name,
            "is a value made while tracing, not a constant of the model",
            "assign tensors in __init__, not through .data in forward",
        )
    tensor = tensor.detach().contiguous()
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        bad = int((~torch.isfinite(tensor)).sum())
        raise CaptureError(name, f"holds {bad} values that are NaN or infinite", "a checkpoint of finite numbers")
    attribute = f"c{len(dict(gm.named_buffers()))}"
    gm.register_buffer(attribute, tensor)
    node = graph.get_attr(attribute)
    node.meta = {"val": as_meta(tensor), "origin": name}
    return node


def _refuse_mutation(gm: fx.GraphModule, program: ExportedProgram, copies: dict[fx.Node, fx.Node]) -> None:
    """Refuses writes to state, but for those that change nothing any more.

    Old code binarizes by writing `weight.data = weight.org.sign()` or clamps by `weight.data.clamp_(-1, 1)` in
    forward.  The model has run by now, so such a write finds its own result already there.
    """
    for spec in program.graph_signature.output_specs:
        if spec.kind not in (OutputKind.BUFFER_MUTATION, OutputKind.USER_INPUT_MUTATION, OutputKind.PARAMETER_MUTATION):
            continue
        written = next((n for n in program.graph.nodes if n.name == getattr(spec.arg, "name", None)), None)
        if spec.kind is not OutputKind.USER_INPUT_MUTATION and written is not None:
            node, held = copies[written], program.state_dict.get(str(spec.target))
            if held is not None and is_constant(node) and torch.equal(run(gm, {}, [node])[node], held.detach()):
                continue
        what = "its input" if spec.kind is OutputKind.USER_INPUT_MUTATION else f"`{spec.target}`"
        raise CaptureError(
            where(written) if written is not None else str(spec.target),
            f"forward writes to {what}",
            "eval mode must not change state: no running statistics, counters or in-place ops on stored tensors; "
            "an archive is made of model.eval()",
        )


def _chosen(program: ExportedProgram, node: fx.Node, output: int | None) -> fx.Node:
    kept = [
        arg
        for spec, arg in zip(program.graph_signature.output_specs, node.args[0], strict=True)  # type: ignore[arg-type]
        if spec.kind is OutputKind.USER_OUTPUT and isinstance(arg, fx.Node)
    ]
    if len(kept) == 1 or (output is not None and 0 <= output < len(kept)):
        return kept[output or 0]
    raise CaptureError("forward", f"returns {len(kept)} tensors", WHICH)


def one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def user_line(error: BaseException) -> str:
    """file:line `source` of the innermost frame of a traceback that is neither torch's nor ours."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if is_users(file):
            text = linecache.getline(file, trace.tb_lineno).strip()
            place = f"{file}:{trace.tb_lineno}" + (f" `{text}`" if text else "")
        trace = trace.tb_next
    return place


def _explain(error: Exception) -> tuple[str, str]:
    """What was found and what would be accepted, for the ways in which torch.export gives up."""
    text = f"{type(error).__name__}: {error}"
    if "autocast" in text:
        return "runs under an autocast that is left open", "export outside autocast"
    if "DataDependent" in text or "data-dependent" in text or "Unsupported" in text:
        return f"control flow depends on data ({one_line(error)})", "torch.where instead of a Python branch on a tensor"
    if "fake tensor" in text.lower():
        return f"a tensor is stored while tracing ({one_line(error)})", "assign tensors in __init__"
    return f"torch.export cannot trace it ({one_line(error)})", "plain tensor operations in forward"
