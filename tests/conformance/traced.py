# SPDX-License-Identifier: Apache-2.0
"""A planned program on this machine under sanitizers, with every tensor that C computes beside the one of numpy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from xnorc.plan import Plan
from xnorc.render.model import render_model
from xnorc.resources import folder
from xnorc.toolchain import SANITIZE, WARNINGS, compile_all, host_compiler, run_tool

FLAGS = ["-std=c11", "-g", "-O1", *WARNINGS, *SANITIZE]
INCLUDE = folder("firmware") / "include"


def compile_kernels(out: Path) -> list[Path]:
    """Objects of all kernels, with the flags of `trace`."""
    sources = sorted((folder("firmware") / "kernels").glob("*.c"))
    return compile_all([host_compiler(), *FLAGS], sources, [INCLUDE], out)


def trace(made: Plan, x: np.ndarray, kernels: list[Path], out: Path) -> list[dict[str, np.ndarray]]:
    """Every tensor of every sample, as C computed it; "logits" and "input" are read once the run is over."""
    for name, text in render_model(made).items():
        (out / name).write_text(text)
    sources = [folder("firmware") / "app" / "model.c", Path(__file__).with_name("trace.c")]
    command = [host_compiler(), *FLAGS, f"-I{INCLUDE}", f"-I{out}", *map(str, [*sources, *kernels])]
    command += ["-o", str(out / "trace")]
    run_tool(command, check=True)
    done = subprocess.run([out / "trace"], input=x.tobytes(), capture_output=True)
    assert not done.stderr, done.stderr.decode()
    raw, at, samples = done.stdout, 0, []
    program = made.program
    outputs = [n.output for n in program.nodes]
    for _ in x:
        values = {}
        for name, tensor in [*((t.name, t) for t in outputs), ("logits", program.logits), ("input", program.input)]:
            values[name] = tensor.unpack(raw[at : at + tensor.nbytes])
            assert tensor.pack(values[name]) == raw[at : at + tensor.nbytes], f"{name}: tail bits are not 0"
            at += tensor.nbytes
        samples.append(values)
    assert at == len(raw)
    return samples


def assert_equal_everywhere(made: Plan, kernels: list[Path], out: Path, samples: int = 3) -> None:
    program = made.program
    x = np.random.default_rng(5).integers(0, 256, (samples, *program.input.shape)).astype(np.uint8)
    want = program.trace(x)
    want |= {"logits": want[program.output], "input": x}
    for i, got in enumerate(trace(made, x, kernels, out)):
        for name, value in got.items():
            differs = np.argwhere(value != want[name][i])
            assert differs.size == 0, f"sample {i}, tensor {name}: first difference at {tuple(differs[0])}"
