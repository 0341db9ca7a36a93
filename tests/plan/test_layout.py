# SPDX-License-Identifier: Apache-2.0
"""Sizes that the planner states equal those that the Arm compiler gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.programs import random_program
from tests.plan.riding_programs import everything
from xnorc.errors import ProgramError
from xnorc.plan import plan
from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.render.model import render_model
from xnorc.resources import folder
from xnorc.toolchain import WARNINGS, cross_compiler, run_tool


def symbols(obj: Path) -> dict[str, int]:
    lines = run_tool(["arm-none-eabi-nm", "-S", str(obj)], check=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return {f[3]: int(f[1], 16) for f in fields if len(f) == 4}


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_every_constant_has_the_size_that_the_plan_states(core: str, tmp_path: Path, need: Callable[..., None]) -> None:
    need("arm-none-eabi-gcc")
    for program in (everything(), *map(random_program, range(6))):
        made = plan(program)
        for name, text in render_model(made).items():
            (tmp_path / name).write_text(text)
        obj = tmp_path / "model.o"
        flags = ["-std=c11", "-mthumb", f"-mcpu={core}", "-Os", *WARNINGS, f"-I{tmp_path}"]
        firmware = folder("firmware")
        source = [f"-I{firmware / 'include'}", "-c", str(firmware / "app" / "model.c"), "-o", str(obj)]
        run_tool([cross_compiler(), *flags, *source], check=True)
        sizes = symbols(obj)
        total = 0
        for step in made.steps:
            assert sizes.get(f"node_{step.index}", 0) == step.kernel.struct.nbytes  # 0: it rides, nothing is rendered
            for name, array in step.arrays:
                assert sizes[name] == array.nbytes
        own = [n for n in sizes if n.startswith("node_") or n in ("bnn_model", "outputs")]
        total = sum(-(-sizes[n] // 4) * 4 for n in own) + -(-(len(made.program.name) + 1) // 4) * 4
        assert total == made.flash


def test_members_lie_as_c_lays_them() -> None:
    inner = Struct("inner_t", scalars("uint8_t", a=1, b=2, c=3))
    outer = Struct("outer_t", (*scalars("uint8_t", a=1), pointer("p", None, "uint8_t"), *scalars("int16_t", b=-1)))
    assert (inner.nbytes, inner.align) == (3, 1)
    assert (outer.nbytes, outer.align) == (12, 4)


def test_a_value_that_does_not_fit_its_type_is_refused() -> None:
    with pytest.raises(ProgramError, match="70000 does not fit uint16_t"):
        scalars("uint16_t", in_ch=70000)
    with pytest.raises(ProgramError, match="in a int8_t array"):
        Array("int8_t", np.array([1, 200]))
