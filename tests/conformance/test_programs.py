# SPDX-License-Identifier: Apache-2.0
"""Random whole programs: planned, rendered, compiled, run; every tensor equals numpy's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from programs import random_program

from xnorc.plan import Plan, plan
from xnorc.program import Program, registry
from xnorc.render.model import render_model
from xnorc.resources import folder
from xnorc.toolchain import SANITIZE, WARNINGS, compile_all, host_compiler, run_tool

SEEDS = range(16)
FLAGS = ["-std=c11", "-g", "-O1", *WARNINGS, *SANITIZE]
INCLUDE = folder("firmware") / "include"


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> list[Path]:
    """Objects of all kernels."""
    need("gcc")
    sources = sorted((folder("firmware") / "kernels").glob("*.c"))
    return compile_all([host_compiler(), *FLAGS], sources, [INCLUDE], tmp_path_factory.mktemp("kernels"))


def trace(made: Plan, x: np.ndarray, kernels: list[Path], out: Path) -> list[dict[str, np.ndarray]]:
    """Every tensor of every sample, as C computed it; "logits" and "input" are read once the run is over."""
    for name, text in render_model(made).items():
        (out / name).write_text(text)
    sources = [folder("firmware") / "app" / "model.c", Path(__file__).with_name("trace.c")]
    command = [
        host_compiler(),
        *FLAGS,
        f"-I{INCLUDE}",
        f"-I{out}",
        *map(str, sources),
        *map(str, kernels),
        "-o",
        str(out / "trace"),
    ]
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


@pytest.mark.host
@pytest.mark.parametrize("seed", SEEDS)
def test_every_tensor_of_a_random_program_equals_numpy(seed: int, kernels: list[Path], tmp_path: Path) -> None:
    assert_equal_everywhere(plan(random_program(seed)), kernels, tmp_path)


@pytest.mark.host
@pytest.mark.parametrize("seed", SEEDS[:4])
def test_the_least_ram_changes_no_bit(seed: int, kernels: list[Path], tmp_path: Path) -> None:
    memory = SimpleNamespace(ram=SimpleNamespace(length=0), flash=SimpleNamespace(length=0), stack=0)
    tiny = SimpleNamespace(name="tiny", memory=memory)
    program = random_program(seed)
    made = plan(program, tiny)  # type: ignore[arg-type]
    assert made.arena <= plan(program).arena
    assert_equal_everywhere(made, kernels, tmp_path)


def test_random_programs_use_every_op() -> None:
    used = {node.op for seed in SEEDS for node in random_program(seed).nodes}
    assert used == set(registry())


def test_equal_seeds_give_equal_programs() -> None:
    programs: list[Program] = [random_program(3), random_program(3)]
    assert render_model(plan(programs[0])) == render_model(plan(programs[1]))
