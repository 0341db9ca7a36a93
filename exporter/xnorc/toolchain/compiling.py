# SPDX-License-Identifier: Apache-2.0
"""Sources -> objects, several at a time; what was compiled before is taken from the kept objects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xnorc.toolchain.running import run_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror")
# Bytes of the arena hold one type after another, which strict aliasing does not foresee.
DIALECT = ("-std=c11", "-fno-strict-aliasing", "-fno-common")
# Freestanding: the compiler assumes no C library.  Integer code only, so no FPU has to be switched on.
TARGET = (*DIALECT, "-mthumb", "-mfloat-abi=soft", "-ffreestanding", "-g")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compile_all(
    command: Sequence[str], sources: Iterable[Path], includes: Sequence[Path], out: Path, by_folder: bool = False
) -> list[Path]:
    """Compile each source into the folder `out`, as many at a time as there are processors.

    Args:
        command: the compiler's path and its flags, but for -I, -c and -o.
        includes: folders that are searched for headers, in this order.
        by_folder: files under a folder `kernels` get -O2, all others -Os; otherwise `command` says how to optimise.

    Returns:
        The objects, in the order of the sources.

    Raises:
        ToolError: the compiler refuses; carries its first complaint.
    """
    out.mkdir(parents=True, exist_ok=True)
    listed = list(sources)

    def one(at: int, source: Path) -> Path:
        target = out / f"{at:03}_{source.stem}.o"
        level = ["-O2" if source.parent.name == "kernels" else "-Os"] if by_folder else []
        paths = [f"-I{path}" for path in includes]
        run_tool([*command, *level, *paths, "-c", str(source), "-o", str(target)], check=True)
        return target

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, range(len(listed)), listed))


def defined(macros: Mapping[str, str | int] | None) -> list[str]:
    """Macros by name as the compiler's -D flags."""
    return [f"-D{name}={value}" for name, value in (macros or {}).items()]
