# SPDX-License-Identifier: Apache-2.0
"""`xnorc.export`: a PyTorch module in, an integer program out, and with `out` a folder that the rest of xnorc
works from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xnorc.capture import Traced, normal_form, read_module
from xnorc.errors import DataError
from xnorc.explaining import Stages
from xnorc.faults import reported
from xnorc.lower import Lowered, lower
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.inputs import input_tensor
from xnorc.options import Options, shows_options
from xnorc.oracle.awkward import awkward
from xnorc.oracle.judge import Verdict, judge
from xnorc.plan import plan
from xnorc.program import Program, digest, save
from xnorc.render.model import render_model
from xnorc.writing import staged_folder

PROBES = 6  # images on which each pass of the capture is checked, beside the example


@dataclass(frozen=True, eq=False)
class Exported:
    """A lowered network, and what the judge saw of it."""

    lowered: Lowered
    verdict: Verdict


@shows_options
@reported
def export(
    module: nn.Module,
    example_input: torch.Tensor,
    out: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    output: int | None = None,
    explain: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Program:
    """Export a binary neural network.

    The device gets uint8 images (h, w, ch).  The model is taken to see x / 255, as torchvision's ToTensor makes
    it, then (x - mean) / std where these are given.  What is exported is the model in eval mode.

    Before anything is written, the program is compared with the module itself on the calibration images and on images
    made to be awkward; see `xnorc.oracle.judge`.

    Args:
        module: the network, as its author wrote it; it takes one tensor and returns logits.
        example_input: float (1, C, H, W), or (1, features) for a network on vectors.
        out: folder to write program.json, constants.npz, model.h and export.json to, all at once or not at all.
        name: name of the program; the class name of the module by default.
        output: which tensor the logits are, counted from 0, where the model returns several.
        explain: folder to write the graph and the program after every pass to, also if the export fails.
        options: `mean`, `std`, `tie`, `calibration`, `percentile`, `weight_bits`, `static_collapsed`, as
            `xnorc.options.Options` says.

    Returns:
        the verified program.

    Raises:
        CaptureError: the model cannot be read as a fixed graph.
        LowerError: an operation has no integer form, or a stream clips calibration images.
        DataError: an option, calibration data or the output folder do not fit.
        Fault: xnorc itself is wrong; nothing was written.
    """
    with Stages(explain) as stages:
        traced = read_module(module, example_input, output=output)
        chosen = Options.of(traced.example.shape, options)
        made = export_traced(traced, chosen, name or type(module).__name__, stages)
    if out is not None:
        write(made, Path(out))
    return made.lowered.program


def export_traced(
    traced: Traced,
    options: Options,
    name: str,
    stages: Stages | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Exported:
    """Normal form, integer program, verdict: all that `xnorc.export` does before it writes.

    Args:
        stages: keeps the graph and the program after every pass.
        on_step: told what is being done, in a few words.

    Raises:
        CaptureError, LowerError, Fault: as `export`.
    """
    lowered = lower_traced(traced, options, name, stages, on_step)
    return Exported(lowered, judge(lowered, on_step))


def lower_module(
    module: nn.Module,
    example_input: torch.Tensor,
    *,
    name: str | None = None,
    output: int | None = None,
    **options: Any,
) -> Lowered:
    """A module lowered in memory, without the judge; arguments and errors as those of `export`."""
    traced = read_module(module, example_input, output=output)
    return lower_traced(traced, Options.of(traced.example.shape, options), name or type(module).__name__)


def lower_traced(
    traced: Traced,
    options: Options,
    name: str,
    stages: Stages | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Lowered:
    """The same without the judge.  Every pass over graph and program is checked on a few awkward images."""
    say = on_step or (lambda _: None)
    images = awkward(input_tensor(traced.example).shape, options.calibration, PROBES)
    probes = [images_to_float(group.x[[i]], traced.example, options) for i in (0, -1) for group in images]
    say("bringing the graph into normal form")
    captured = normal_form(
        traced, tie=options.tie, probes=probes[:PROBES], on_stage=None if stages is None else stages.graph
    )
    if stages is not None:
        stages.values(captured)
    say("searching thresholds")
    on_program = None if stages is None else stages.program
    return lower(captured, options, identifier(name), [group.x[:1] for group in images], on_program)


def identifier(name: str) -> str:
    """A C identifier close to `name`."""
    clean = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return f"m_{clean}" if clean[0].isdigit() else clean


def document(exported: Exported) -> dict[str, Any]:
    """export.json: the layer report, what was assumed, proved or measured, and the verdict."""
    lowered = exported.lowered
    program = lowered.program
    return {
        "name": program.name,
        "digest": digest(program).hex(),
        "input": list(program.input.shape),
        "classes": program.logits.shape[2],
        "notes": list(program.notes),
        "verdict": exported.verdict.document(),
        "layers": [row.document() for row in lowered.report],
    }


def write(exported: Exported, out: Path) -> None:
    """Write the exported folder beside its place, then move it there.

    Raises:
        DataError: `out` is something else than an exported or empty folder, or cannot be written.
    """
    if out.exists() and not (out.is_dir() and ((out / "program.json").exists() or not any(out.iterdir()))):
        raise DataError(str(out), "exists and is not an exported program", "another folder, or remove it")
    with staged_folder(out) as staged:
        _fill(exported, staged)


def _fill(exported: Exported, folder: Path) -> None:
    save(exported.lowered.program, folder)
    for file, text in render_model(plan(exported.lowered.program)).items():
        (folder / file).write_text(text)
    (folder / "export.json").write_text(json.dumps(document(exported), indent=1) + "\n")
