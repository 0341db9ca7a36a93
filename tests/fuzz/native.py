# SPDX-License-Identifier: Apache-2.0
"""A program as C on this machine under ASan and UBSan: every tensor of every image."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from xnorc.plan import plan
from xnorc.program import Program
from xnorc.render.model import render_model
from xnorc.resources import folder
from xnorc.toolchain import SANITIZE, WARNINGS, compile_all, host_compiler, run_tool

FLAGS = ["-std=c11", "-fno-strict-aliasing", "-fno-common", *WARNINGS, *SANITIZE, f"-I{folder('firmware') / 'include'}"]
TRACE = Path(__file__).resolve().parents[1] / "conformance" / "trace.c"


@cache
def _library() -> Path:
    """Kernels and the tracing application, compiled and linked once a process."""
    out = Path(tempfile.mkdtemp(prefix="xnorc-fuzz-"))
    sources = [*sorted((folder("firmware") / "kernels").glob("*.c")), TRACE]
    (out / "bnn_model_size.h").write_text("")  # neither the kernels nor the tracing application ask for sizes
    objects = compile_all([host_compiler(), *FLAGS, "-g", "-O1"], sources, [out], out)
    joined = out / "all.o"
    run_tool([host_compiler(), "-r", "-nostdlib", *map(str, objects), "-o", str(joined)], check=True)
    return joined


def c_differs(program: Program, x: np.ndarray, out: Path) -> str:
    """Run images x (N, h, w, ch) as C; "" where every tensor equals numpy's, else what differs first."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in render_model(plan(program)).items():
        (out / name).write_text(text)
    model, run = out / "model.o", out / "trace"
    source = folder("firmware") / "app" / "model.c"
    run_tool([host_compiler(), *FLAGS, "-O0", f"-I{out}", "-c", str(source), "-o", str(model)], check=True)
    run_tool([host_compiler(), *SANITIZE, str(model), str(_library()), "-o", str(run)], check=True)
    done = subprocess.run([run], input=x.tobytes(), capture_output=True)
    run.unlink()
    if done.returncode or done.stderr:
        said = done.stderr.decode(errors="replace").splitlines()
        return f"C ended with status {done.returncode}: {' / '.join(line for line in said if line.strip())[:600]}"
    want = program.trace(x)
    tensors = [*(node.output for node in program.nodes), program.logits, program.input]
    if len(done.stdout) != len(x) * sum(t.nbytes for t in tensors):
        return f"C wrote {len(done.stdout)} bytes"
    at = 0
    for i in range(len(x)):
        for tensor in tensors:
            ours = x[i] if tensor.name == program.input.name else want[tensor.name][i]
            if done.stdout[at : at + tensor.nbytes] != tensor.pack(ours):
                place = np.argwhere(tensor.unpack(done.stdout[at : at + tensor.nbytes]) != ours)
                return f"C differs from numpy: image {i}, tensor {tensor.name}, first at {place[:1].tolist()}"
            at += tensor.nbytes
    return ""
