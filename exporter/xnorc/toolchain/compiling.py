# SPDX-License-Identifier: Apache-2.0
"""Sources -> objects, several at a time; what was compiled before, from the same bytes, is taken from the store.

An object is kept under a digest of the compiler (path, file, version), the flags and macros, and the text of the source
and of all headers it includes.  Where a rendered header lies is not in it (the compiler is told to call that folder
`.`), so all builds for one core share the objects of the kernels, which read none, and equal builds share the others.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xnorc.resources import folder
from xnorc.toolchain.compilers import identity
from xnorc.toolchain.includes import Reader, made_from
from xnorc.toolchain.objects import Store, store
from xnorc.toolchain.running import run_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror")
# Bytes of the arena hold one type after another, which strict aliasing does not foresee.
DIALECT = ("-std=c11", "-fno-strict-aliasing", "-fno-common")
# Freestanding: the compiler assumes no C library.  Integer code only, so no FPU has to be switched on.
TARGET = (*DIALECT, "-mthumb", "-mfloat-abi=soft", "-ffreestanding", "-g")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
# Flags after which an object depends on files that the compiler does not name afterwards.
UNTRACKED = ("@", "-B", "-specs", "--specs", "-fplugin", "-fprofile", "-isysroot", "--sysroot")
FORMAT = 1  # of keys: another number where their meaning changes


def compile_all(
    command: Sequence[str], sources: Iterable[Path], includes: Sequence[Path], out: Path, by_folder: bool = False
) -> list[Path]:
    """Compile each source into the folder `out`, as many at a time as there are processors.

    Args:
        command: the compiler's path and its flags, but for -I, -c and -o.  Paths in it are absolute: the compiler runs
            in the source's folder, whose name debug information keeps.
        includes: folders that are searched for headers, in this order.
        by_folder: files under a folder `kernels` get -O2, all others -Os; otherwise `command` says how to optimise.

    Returns:
        The objects, in the order of the sources.

    Raises:
        ToolError: the compiler refuses; carries its first complaint.
    """
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    listed = [source.absolute() for source in sources]
    compiling = Compiling(command, includes)

    def one(at: int, source: Path) -> Path:
        target = out / f"{at:03}_{source.stem}.o"
        level = ["-O2" if source.parent.name == "kernels" else "-Os"] if by_folder else []
        compiling.compile(source, level, target)
        return target

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, range(len(listed)), listed))


class Compiling:
    """One command over many sources, with the store that spares it."""

    def __init__(self, command: Sequence[str], includes: Sequence[Path]) -> None:
        self._command = list(command)
        self._includes = [path.absolute() for path in includes]
        self._renamed = self._rendered()
        tracked = not any(flag.startswith(UNTRACKED) for flag in command[1:])
        self._store: Store | None = store() if tracked else None
        self._digests: dict[Path, str | None] = {}
        self._reader = Reader(self._includes)

    def compile(self, source: Path, level: Sequence[str], target: Path) -> None:
        """Make `target` from `source`, by the compiler or from the store."""
        inputs = None if self._store is None else self._reader.inputs(source)
        if self._store is None or inputs is None:
            self._run(source, level, target)
            return
        key = self._key(source, level, inputs)
        kept = self._store.get(key)
        if kept is not None and all(self._digest(Path(path)) == digest for path, digest in kept[1].items()):
            target.write_bytes(kept[0])
            return
        rule = target.with_suffix(".d")
        self._run(source, [*level, "-MD", "-MF", str(rule)], target)
        read_too = {path for path in made_from(rule.read_text(errors="replace")) if path not in inputs}
        others = {str(path): digest for path in read_too if (digest := self._digest(path)) is not None}
        if len(others) == len(read_too) and all(path.is_absolute() for path in read_too):
            self._store.put(key, target.read_bytes(), others)

    def _run(self, source: Path, more: Sequence[str], target: Path) -> None:
        names = [f"-ffile-prefix-map={path}=." for path in self._renamed]
        paths = [f"-I{path}" for path in self._includes]
        command = [*self._command, *names, *more, *paths, "-c", str(source), "-o", str(target)]
        run_tool(command, check=True, cwd=source.parent)

    def _key(self, source: Path, level: Sequence[str], inputs: Mapping[Path, str]) -> str:
        compiler, *flags = self._command
        files = [[self._shown(path), digest] for path, digest in inputs.items()]
        made = [FORMAT, identity(compiler), [*flags, *level], self._shown(source), sorted(files)]
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()

    def _digest(self, path: Path) -> str | None:
        """SHA-256 of a header that lies in none of the folders, read once; None where it cannot be."""
        if path not in self._digests:
            try:
                self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                self._digests[path] = None
        return self._digests[path]

    def _rendered(self) -> list[Path]:
        """Folders that go by the name `.`: all but our own.  Under sanitizers none, whose findings name real places."""
        if any(flag.startswith("-fsanitize") for flag in self._command):
            return []
        firmware = folder("firmware")
        return [path for path in self._includes if not path.is_relative_to(firmware)]

    def _shown(self, path: Path) -> str:
        """A path as the object has it."""
        for renamed in self._renamed:
            if path.is_relative_to(renamed):
                return str(Path(".") / path.relative_to(renamed))
        return str(path)


def defined(macros: Mapping[str, str | int] | None) -> list[str]:
    """Macros by name as the compiler's -D flags."""
    return [f"-D{name}={value}" for name, value in (macros or {}).items()]
