# SPDX-License-Identifier: Apache-2.0
"""Every kernel on every case of tests/cases, on the host under ASan and UBSan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import grid
from tests.conformance.nodes import makers
from xnorc.plan import kernel
from xnorc.program import registry
from xnorc.render.vectors import Vector, render_vectors
from xnorc.resources import folder
from xnorc.toolchain import build_host, run_tool


def run_on_host(vectors: list[Vector], out: Path) -> list[str]:
    """Build and run the runner; returns the lines it printed."""
    (out / "vectors.h").write_text(render_vectors(vectors))
    firmware = folder("firmware")
    sources = [
        firmware / "app" / "vectors.c",
        firmware / "port" / "host.c",
        *sorted((firmware / "kernels").glob("*.c")),
    ]
    runner = build_host(sources, [out, firmware / "include", firmware / "port"], None, out / "vectors")
    done = run_tool([str(runner)])
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.host
@pytest.mark.parametrize("op", grid.ops())
def test_every_kernel_gives_the_bits_of_numpy(op: str, tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    vectors = grid.vectors(op)
    lines = run_on_host(vectors, tmp_path)
    failed = [line for line in lines if "status=fail" in line]
    count = sum(len(vector.kernels) for vector in vectors)
    assert lines[-1:] == [f"done passed={count} failed=0"], "\n".join(failed[:10] or lines[-3:])


def test_every_op_has_kernels_a_maker_and_cases() -> None:
    assert sorted(registry()) == sorted(kernel.registry()) == list(makers()) == grid.ops()


def test_every_kernel_in_the_firmware_is_reached_by_a_case() -> None:
    header = (folder("firmware") / "include" / "bnn.h").read_text()
    reached = {k.function for vector in grid.everything() for k in vector.kernels}
    declared = {line.split("(")[0].split()[1] for line in header.splitlines() if line.startswith("void bnn_")}
    assert reached == declared


@pytest.mark.host
def test_a_wrong_bit_is_reported_with_its_place(tmp_path: Path, need: Callable[..., None]) -> None:
    need("gcc")
    vector = next(v for v in grid.vectors("bmaxpool2d") if v.node.output.shape[2] == 33)
    want = vector.want.copy()
    want[1, 0, 32] ^= 1
    vector.__dict__["want"] = want
    lines = run_on_host([vector], tmp_path)
    got = vector.node.run(*(a[None] for a in vector.arrays))[0][1, 0, 32]
    assert lines[0].endswith(f"status=fail at=(1,0,32) got={got} want={1 - got}")
    assert lines[-1].startswith("done passed=0 failed=")
