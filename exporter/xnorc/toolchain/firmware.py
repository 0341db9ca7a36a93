# SPDX-License-Identifier: Apache-2.0
"""Sources -> a firmware with a board's start-up and UART driver; what overflows flash or RAM is refused by the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xnorc.boards import Board
from xnorc.errors import FitError, ToolError
from xnorc.resources import folder
from xnorc.toolchain.compilers import cross_compiler
from xnorc.toolchain.compiling import TARGET, WARNINGS, compile_all, defined
from xnorc.toolchain.image import Image, image_of
from xnorc.toolchain.running import complaint, run_tool

SECTIONS = ("-ffunction-sections", "-fdata-sections")
# newlib-nano gives memcpy, memset, memmove and memcmp, which gcc also calls on its own; anything that needs more of
# it (a heap, a file) fails to link, because nothing supplies its system calls.
LINK = ("-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-Wl,--build-id=none")
LIBRARIES = ("-Wl,--start-group", "-lc_nano", "-lgcc", "-Wl,--end-group")


def board_sources(board: Board) -> list[Path]:
    """Start-up and UART driver of a board, which every firmware has."""
    firmware = folder("firmware")
    return [*sorted((firmware / "startup").glob("*.c")), firmware / "port" / f"{board.uart.ip}.c"]


def build_firmware(
    board: Board,
    sources: Iterable[Path],
    out: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, str | int] | None = None,
    name: str = "firmware",
) -> Image:
    """Compile `sources` for the board and link them into out/<name>.elf and .bin.

    Files under a folder `kernels` get -O2, everything else -Os.  Headers are searched in `includes`, in `out` and in
    firmware/{include,port,startup}.

    Args:
        out: holds the board's board.h and linker.ld, and whatever else was rendered for it.

    Raises:
        FitError: flash or RAM overflows; names the region and the bytes.
        ToolError: the compiler is missing or refuses; carries its first complaint.
    """
    gcc, firmware = cross_compiler(), folder("firmware")
    target = ["-mthumb", f"-mcpu={board.core}", "-mfloat-abi=soft", *board.cflags]
    flags = [*TARGET, *SECTIONS, f"-mcpu={board.core}", *board.cflags, *WARNINGS, *defined(defines)]
    searched = [*includes, out, firmware / "include", firmware / "port", firmware / "startup"]
    objects = compile_all([gcc, *flags], [*board_sources(board), *sources], searched, out / "obj", by_folder=True)
    elf, binary = out / f"{name}.elf", out / f"{name}.bin"
    script = ["-T", str(out / "linker.ld"), f"-Wl,-Map={out / name}.map"]
    link = run_tool([gcc, *target, *LINK, *script, *map(str, objects), *LIBRARIES, "-o", str(elf)])
    if link.returncode:
        raise link_error(board, link.stderr)
    run_tool([str(Path(gcc).with_name("arm-none-eabi-objcopy")), "-O", "binary", str(elf), str(binary)], check=True)
    return image_of(board, elf, binary)


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
