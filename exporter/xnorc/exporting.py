# SPDX-License-Identifier: Apache-2.0
"""`xnorc.export`: a PyTorch module in, an integer program out, and with `out` a folder that the rest of xnorc
works from."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xnorc.capture import capture
from xnorc.errors import DataError, LowerError
from xnorc.lower import Lowered, Options, lower
from xnorc.plan import plan
from xnorc.program import Program, digest, save
from xnorc.render.model import render_model

Normalisation = float | Sequence[float] | None


def export(
    module: nn.Module,
    example_input: torch.Tensor,
    out: str | os.PathLike[str] | None = None,
    calibration: np.ndarray | None = None,
    mean: Normalisation = None,
    std: Normalisation = None,
    tie: int | None = None,
    name: str | None = None,
    percentile: float = 100.0,
    weight_bits: int | None = None,
    static_collapsed: bool = False,
    output: int | None = None,
) -> Program:
    """Export a binary neural network.

    The device gets uint8 images (h, w, ch).  The model is taken to see x / 255, as torchvision's ToTensor makes
    it, then
    (x - mean) / std where these are given.  What is exported is the model in eval mode.

    Args:
        module: the network, as its author wrote it; it takes one tensor and returns logits.
        example_input: float (1, C, H, W), or (1, features) for a network on vectors.
        out: folder to write program.json, constants.npz, model.h and export.json to, all at once or not at all.
        calibration: uint8 (N, h, w, ch) images; needed where real-valued paths become integer streams.
        mean, std: normalisation ahead of the model, one number or one per channel.
        tie: +1 or -1, the meaning of sign(0) where the network can reach it; None refuses such a network.
        name: name of the program; the class name of the module by default.
        percentile: share of calibration magnitudes, in percent, that a stream must hold without saturating.
        weight_bits: bits of real weights (stems, shortcuts, heads), 8 or 16; None takes 16 where the layer's map
            is small, and for stencils (LAB's taps).
        static_collapsed: make thresholds that are computed from the image (ASD, DySign) constants where they are the
            same for all calibration images; such layers are named in the program's notes either way.
        output: which tensor the logits are, counted from 0, where the model returns several.

    Returns:
        the verified program.

    Raises:
        CaptureError: the model cannot be read as a fixed graph.
        LowerError: an operation has no integer form.
        DataError: calibration data or the output folder do not fit.
    """
    options = make_options(example_input, calibration, mean, std, tie, percentile, weight_bits, static_collapsed)
    lowered = lower_module(module, example_input, options, name, output)
    if out is not None:
        write(lowered, Path(out))
    return lowered.program


def lower_module(
    module: nn.Module,
    example_input: torch.Tensor,
    options: Options,
    name: str | None = None,
    output: int | None = None,
) -> Lowered:
    """Capture and lower; what `export` and `verify` share."""
    captured = capture(module, example_input, tie=options.tie, output=output)
    return lower(captured, options, identifier(name or type(module).__name__))


def identifier(name: str) -> str:
    """A C identifier close to `name`."""
    clean = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return f"m_{clean}" if clean[0].isdigit() else clean


def make_options(
    example: torch.Tensor,
    calibration: np.ndarray | None = None,
    mean: Normalisation = None,
    std: Normalisation = None,
    tie: int | None = None,
    percentile: float = 100.0,
    weight_bits: int | None = None,
    static_collapsed: bool = False,
) -> Options:
    """Check what the user gave."""
    if not isinstance(example, torch.Tensor):
        raise DataError("example input", f"is a {type(example).__name__}", "one tensor, float (1, C, H, W)")
    if tie not in (None, 1, -1):
        raise LowerError("tie", f"{tie!r}", "1, -1 or None")
    if weight_bits not in (None, 8, 16):
        raise LowerError("weight_bits", f"{weight_bits!r}", "8 or 16, or left out")
    if not 50.0 < percentile <= 100.0:
        raise LowerError("percentile", f"{percentile}", "above 50, at most 100")
    if calibration is not None:
        calibration = np.asarray(calibration)
        _, ch, h, w = example.shape if example.ndim == 4 else (1, example.shape[-1], 1, 1)
        if calibration.dtype != np.uint8 or calibration.shape[1:] != (h, w, ch) or not len(calibration):
            raise DataError(
                "calibration", f"{calibration.dtype} {calibration.shape}", f"uint8 (N, {h}, {w}, {ch}), N at least 1"
            )
    return Options(
        mean=_tuple("mean", mean),
        std=_tuple("std", std),
        tie=tie,
        calibration=calibration,
        percentile=percentile,
        weight_bits=weight_bits,
        static_collapsed=static_collapsed,
    )


def _tuple(what: str, given: Normalisation) -> tuple[float, ...] | None:
    if given is None:
        return None
    try:
        return tuple(np.asarray(given, np.float64).reshape(-1).tolist())
    except (TypeError, ValueError):
        raise DataError(what, f"is {given!r}", "a number, or one for each channel") from None


def document(lowered: Lowered) -> dict[str, Any]:
    """export.json: the layer report, and what was assumed, proved or measured."""
    program = lowered.program
    return {
        "name": program.name,
        "digest": digest(program).hex(),
        "input": list(program.input.shape),
        "classes": program.logits.shape[2],
        "notes": list(program.notes),
        "layers": [row.document() for row in lowered.report],
    }


def write(lowered: Lowered, out: Path) -> None:
    """Write the exported folder beside its place, then move it there.

    Raises:
        DataError: `out` is something else than an exported or empty folder, or cannot be written.
    """
    if out.exists() and not (out.is_dir() and ((out / "program.json").exists() or not any(out.iterdir()))):
        raise DataError(str(out), "exists and is not an exported program", "another folder, or remove it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise DataError(str(out), f"cannot be written: {error.strerror}", "a writable folder") from error
    try:
        _fill(lowered, staged)
        staged.chmod(0o755)
        _swap(staged, out)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _swap(staged: Path, out: Path) -> None:
    """Put `staged` in the place of `out`, and what else lay in `out` (reports, builds, notes) into it."""
    if not out.exists():
        staged.rename(out)
        return
    old = out.parent / f".{out.name}-old-{os.getpid()}"
    out.rename(old)
    staged.rename(out)
    for entry in old.iterdir():
        if not (out / entry.name).exists():
            entry.rename(out / entry.name)
    shutil.rmtree(old)


def _fill(lowered: Lowered, folder: Path) -> None:
    save(lowered.program, folder)
    for file, text in render_model(plan(lowered.program)).items():
        (folder / file).write_text(text)
    (folder / "export.json").write_text(json.dumps(document(lowered), indent=1) + "\n")
