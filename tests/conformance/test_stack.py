# SPDX-License-Identifier: Apache-2.0
"""Stack of the kernels, as the compiler states it: small boards reserve a kilobyte in all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.resources import folder
from xnorc.toolchain import TARGET, cross_compiler, run_tool

FIRMWARE = folder("firmware")


def frames(source: Path, core: str, out: Path) -> int:
    """Bytes of all frames of one file together: no call chain within it needs more."""
    flags = [*TARGET, f"-mcpu={core}", "-O2", "-fstack-usage", f"-I{FIRMWARE / 'include'}"]
    run_tool([cross_compiler(), *flags, "-c", str(source), "-o", str(out / "k.o")], check=True)
    usage = (out / "k.su").read_text()
    assert "dynamic" not in usage
    return sum(int(line.split("\t")[1]) for line in usage.splitlines())


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_no_kernel_needs_more_stack_than_the_header_states(
    core: str, tmp_path: Path, need: Callable[..., None]
) -> None:
    need("arm-none-eabi-gcc")
    stated = re.search(r"more than (\d+) bytes of stack", (FIRMWARE / "include" / "bnn.h").read_text())
    assert stated is not None
    kernels = sorted((FIRMWARE / "kernels").glob("*.c"))
    emit = frames(FIRMWARE / "kernels" / "emit.c", core, tmp_path)
    needs = {path.stem: frames(path, core, tmp_path) + emit for path in kernels}
    assert max(needs.values()) <= int(stated[1]), needs
