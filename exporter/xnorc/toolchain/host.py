# SPDX-License-Identifier: Apache-2.0
"""Sources -> a program (or shared library) of this machine, by default under the address and behaviour sanitizers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xnorc.toolchain.compilers import host_compiler
from xnorc.toolchain.compiling import DIALECT, SANITIZE, WARNINGS, compile_all, defined
from xnorc.toolchain.running import run_tool


def build_host(
    sources: Iterable[Path],
    includes: Sequence[Path],
    defines: Mapping[str, str | int] | None,
    out: Path,
    sanitize: bool = True,
    shared: bool = False,
) -> Path:
    """Compile and link `sources` into the file `out`; objects go beside it.

    Raises:
        ToolError: no compiler, or it refuses; carries its first complaint.
    """
    gcc = host_compiler()
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = [*DIALECT, "-g", "-O1" if sanitize else "-O2", *WARNINGS, *(SANITIZE if sanitize else ())]
    flags += ["-fPIC"] if shared else []
    objects = compile_all([gcc, *flags, *defined(defines)], sources, includes, out.parent / f"{out.name}.obj")
    link = [gcc, *(SANITIZE if sanitize else ()), *(["-shared"] if shared else []), *map(str, objects), "-o", str(out)]
    run_tool(link, check=True)
    return out
