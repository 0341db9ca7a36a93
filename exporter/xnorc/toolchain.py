# SPDX-License-Identifier: Apache-2.0
"""Finds and drives arm-none-eabi-gcc (firmware) and the host's C compiler (the same sources under sanitizers).

`build(board, sources, out)` compiles and links a firmware with the board's start-up, UART driver, board.h and
linker.ld, and says its exact sizes; what overflows flash or RAM is a `FitError` with the region and the bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from xnorc.boards import Board
from xnorc.errors import FitError, ToolError
from xnorc.render.board import render_board
from xnorc.resources import folder

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror")
# Bytes of the arena hold one type after another, which strict aliasing does not foresee.
DIALECT = ("-std=c11", "-fno-strict-aliasing", "-fno-common")
# Freestanding: the compiler assumes no C library.  Integer code only, so no FPU has to be switched on.
TARGET = (*DIALECT, "-mthumb", "-mfloat-abi=soft", "-ffreestanding", "-g")
SECTIONS = ("-ffunction-sections", "-fdata-sections")
# newlib-nano gives memcpy, memset, memmove and memcmp, which gcc also calls on its own; anything that needs more of
# it (a heap, a file) fails to link, because nothing supplies its system calls.
LINK = ("-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-Wl,--build-id=none")
SHF_ALLOC = 2  # ELF: the section takes memory
LIBRARIES = ("-Wl,--start-group", "-lc_nano", "-lgcc", "-Wl,--end-group")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
APT = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"


@dataclass(frozen=True)
class Image:
    """A linked firmware.  Sizes are bytes, exact, from the ELF file.

    Attributes:
        elf: the file to load into an emulator or debugger.
        binary: the same as raw bytes from the start of flash.
        text: code and vector table.
        rodata: constants.
        data: initialised variables (they take flash and RAM).
        bss: zeroed and uninitialised variables.
        stack: the reserve at the start of RAM.
        flash: bytes of flash from its start to the end of the image, alignment included.
        ram: bytes of RAM from its start to the end of the last variable, alignment and the stack's reserve included.
        symbols: size of every function and object by name; equal names of different files are added up.
        addresses: address of every symbol by name, functions without the Thumb bit.
    """

    board: Board
    elf: Path
    binary: Path
    text: int
    rodata: int
    data: int
    bss: int
    stack: int
    flash: int
    ram: int
    symbols: Mapping[str, int] = field(repr=False)
    addresses: Mapping[str, int] = field(repr=False)


def cross_compiler() -> str:
    """arm-none-eabi-gcc's path.

    Raises:
        ToolError: it is not on the PATH, or newlib is missing; says what installs it.
    """
    found = shutil.which("arm-none-eabi-gcc")
    if found is None:
        raise ToolError("arm-none-eabi-gcc", "is not on the PATH", APT)
    return found


def host_compiler() -> str:
    """The host's C compiler: $CC, or the first of cc, gcc and clang on the PATH.

    Raises:
        ToolError: there is none.
    """
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    raise ToolError("host compiler", "no cc, gcc or clang on the PATH", "apt-get install gcc libc6-dev")


def board_sources(board: Board) -> list[Path]:
    """Start-up and UART driver of a board, which `build` adds by itself."""
    firmware = folder("firmware")
    return [*sorted((firmware / "startup").glob("*.c")), firmware / "port" / f"{board.uart.ip}.c"]


def build(
    board: Board,
    sources: Iterable[Path],
    out: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, str | int] | None = None,
    name: str = "firmware",
) -> Image:
    """Compile `sources` for the board and link them into out/<name>.elf and .bin.

    Files under a folder `kernels` get -O2, everything else -Os.  Headers are searched in `includes`, in `out`
    (board.h and whatever was rendered there) and in firmware/{include,port,startup}.

    Raises:
        FitError: flash or RAM overflows; names the region and the bytes.
        ToolError: the compiler is missing or refuses; carries its first complaint.
    """
    objects = compile_sources(board, [*board_sources(board), *sources], out, includes=includes, defines=defines)
    elf, binary = out / f"{name}.elf", out / f"{name}.bin"
    script = ["-T", str(out / "linker.ld"), f"-Wl,-Map={out / name}.map"]
    target = ["-mthumb", f"-mcpu={board.core}", "-mfloat-abi=soft", *board.cflags]
    link = run_tool([cross_compiler(), *target, *LINK, *script, *map(str, objects), *LIBRARIES, "-o", str(elf)])
    if link.returncode:
        raise link_error(board, link.stderr)
    objcopy = str(Path(cross_compiler()).with_name("arm-none-eabi-objcopy"))
    run_tool([objcopy, "-O", "binary", str(elf), str(binary)], check=True)
    return measure(board, elf, binary)


def compile_sources(
    board: Board,
    sources: Iterable[Path],
    out: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, str | int] | None = None,
) -> list[Path]:
    """Compile `sources` as `build` does, without linking: objects in out/obj, which other builds may take in.

    Raises:
        ToolError: the compiler is missing or refuses; carries its first complaint.
    """
    gcc = cross_compiler()
    out.mkdir(parents=True, exist_ok=True)
    for file, text in render_board(board).items():
        (out / file).write_text(text, encoding="utf-8")
    firmware = folder("firmware")
    paths = [*includes, out, firmware / "include", firmware / "port", firmware / "startup"]
    flags = [*TARGET, *SECTIONS, f"-mcpu={board.core}", *board.cflags, *WARNINGS, *(f"-I{path}" for path in paths)]
    flags += [f"-D{key}={value}" for key, value in (defines or {}).items()]
    return compile_all([gcc, *flags], list(sources), out / "obj")


def build_host(
    sources: Iterable[Path],
    includes: Sequence[Path],
    defines: Mapping[str, str | int] | None,
    out: Path,
    sanitize: bool = True,
    shared: bool = False,
) -> Path:
    """Compile `sources` for this machine into the program (or shared library) `out`, by default under ASan and UBSan.

    Raises:
        ToolError: no compiler, or it refuses; carries its first complaint.
    """
    gcc = host_compiler()
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = [*DIALECT, "-g", "-O1" if sanitize else "-O2", *WARNINGS, *(SANITIZE if sanitize else ())]
    flags += ["-fPIC"] if shared else []
    flags += [f"-I{path}" for path in includes] + [f"-D{key}={value}" for key, value in (defines or {}).items()]
    objects = compile_all([gcc, *flags], list(sources), out.parent / f"{out.name}.obj", optimise=False)
    link = [gcc, *(SANITIZE if sanitize else ()), *(["-shared"] if shared else []), *map(str, objects), "-o", str(out)]
    run_tool(link, check=True)
    return out


def compile_all(command: Sequence[str], sources: Sequence[Path], out: Path, optimise: bool = True) -> list[Path]:
    """Compile each source into `out`, as many at a time as there are processors; objects in the sources' order."""
    out.mkdir(parents=True, exist_ok=True)

    def one(at: int, source: Path) -> Path:
        if source.suffix == ".o":
            return source
        target = out / f"{at:03}_{source.stem}.o"
        level = ["-O2" if source.parent.name == "kernels" else "-Os"] if optimise else []
        run_tool([*command, *level, "-c", str(source), "-o", str(target)], check=True)
        return target

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, range(len(sources)), sources))


def run_tool(command: Sequence[str], check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a compiler or linker; with `check` its failure is a ToolError with the first line that complains."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise ToolError(Path(command[0]).name, complaint(done.stderr))
    return done


def complaint(stderr: str) -> str:
    """The first line of a tool's output that says error (or the last line, if none does)."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = re.compile(r"\b(error|undefined reference|multiple definition|cannot find)\b")
    errors = [line for line in lines if said.search(line)]
    return (errors or lines[-1:] or ["failed without a word"])[0].strip()


def link_error(board: Board, stderr: str) -> FitError | ToolError:
    """What ld said -> the region that overflows and by how much, or its first complaint."""
    over = re.findall(r"region `(\w+)' overflowed by (\d+) bytes", stderr)
    if not over:
        return ToolError("arm-none-eabi-ld", complaint(stderr))
    lengths = {"FLASH": board.memory.flash.length, "RAM": board.memory.ram.length}
    named = {"FLASH": "flash", "RAM": "RAM"}
    what = [
        f"{named[region]} has {lengths[region]} bytes, {lengths[region] + int(count)} are needed: {count} too many"
        for region, count in over
    ]
    return FitError(board.name, " and ".join(what), "a smaller network, or a board with more memory")


def measure(board: Board, elf: Path, binary: Path) -> Image:
    """Read the sizes of a linked firmware out of its section headers and symbol table."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        size = {section.name: int(section["sh_size"]) for section in image.iter_sections()}
        region = board.memory.ram
        ends = [int(s["sh_addr"]) + int(s["sh_size"]) for s in image.iter_sections() if int(s["sh_flags"]) & SHF_ALLOC]
        end_of_ram = max((end for end in ends if region.origin < end <= region.end), default=region.origin)
        symbols: dict[str, int] = {}
        addresses: dict[str, int] = {}
        table = image.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            kind, name = symbol["st_info"]["type"], symbol.name
            if name and not name.startswith("$") and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
                symbols[name] = symbols.get(name, 0) + int(symbol["st_size"])
                addresses[name] = int(symbol["st_value"]) & ~(1 if kind == "STT_FUNC" else 0)
    return Image(
        board=board,
        elf=elf,
        binary=binary,
        text=size.get(".vectors", 0) + size.get(".text", 0),
        rodata=size.get(".rodata", 0),
        data=size.get(".data", 0),
        bss=size.get(".bss", 0) + size.get(".noinit", 0),
        stack=size.get(".stack", 0),
        flash=binary.stat().st_size,
        ram=end_of_ram - board.memory.ram.origin,
        symbols=symbols,
        addresses=addresses,
    )
