# SPDX-License-Identifier: Apache-2.0
"""Random whole programs: planned, rendered, compiled, run; every tensor equals numpy's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conformance.programs import random_program
from tests.conformance.traced import assert_equal_everywhere
from xnorc.plan import plan
from xnorc.program import Program, registry
from xnorc.render.model import render_model

SEEDS = range(16)


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
