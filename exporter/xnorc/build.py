# SPDX-License-Identifier: Apache-2.0
"""Program + board -> firmware: plan, render, compile; and the same sources as a program of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xnorc import toolchain
from xnorc.boards import Board
from xnorc.errors import FitError
from xnorc.mlperf import Task
from xnorc.plan import Plan, plan
from xnorc.program import Program
from xnorc.render.board import render_board
from xnorc.render.model import render_model
from xnorc.render.templates import write
from xnorc.resources import folder

APP = ("main.c", "link.c", "frame.c", "crc32.c", "reply.c", "session.c", "facts.c", "kept.c", "reboot.c", "model.c")
MLPERF_APP = ("main.c", "clock.c", "commands.c", "inference.c", "input.c", "say.c", "words.c")


@dataclass(frozen=True)
class Firmware:
    """A built device application with one model in it.

    Attributes:
        image: the ELF and binary files and their exact sizes.
        stack: the most stack that it can need, interrupts and the frame of a fault included.
    """

    plan: Plan
    image: toolchain.Image
    stack: toolchain.StackNeed

    @property
    def code(self) -> int:
        """Bytes of flash besides the model's constants."""
        return self.image.flash - self.plan.flash

    @property
    def data(self) -> int:
        """Bytes of RAM besides the arena and the reserved stack."""
        return self.image.ram - self.image.stack - self.plan.arena


def build_firmware(program: Program, board: Board, out: Path, task: Task | None = None) -> Firmware:
    """Plan, render and compile the device application for `board` into the folder `out`.

    Args:
        task: build the application that MLPerf Tiny's runner drives, for this task, instead of the link's.

    Raises:
        ProgramError: the program's sizes are not the task's.
        FitError: the program does not fit; names the layer that needs most and the bytes. Or the stack is too small.
        ToolError: the compiler is missing or refuses.
    """
    if task is not None:
        task.check(program)
    planned = plan(program, board)
    planned.check()
    write(render_model(planned), out)
    try:
        image = build_image(board, app_sources(task), out, includes=app_includes(task), defines=app_defines(task))
    except FitError as error:
        # The model alone fits; the model and the code do not.  Name the layer to make smaller.
        ram = "RAM" in error.what
        layer = max(planned.steps, key=lambda step: step.ram if ram else step.flash)
        needs = f"the largest layer keeps {layer.ram} bytes of RAM alive and holds {layer.flash} bytes of flash"
        raise FitError(layer.node.name, f"{board.name}: {error.what}; {needs}", error.hint) from error
    return Firmware(planned, image, _enough_stack(image))


def _enough_stack(image: toolchain.Image) -> toolchain.StackNeed:
    need = toolchain.stack_need(image.elf)
    if need.bytes > image.stack:
        what = f"its board file reserves {image.stack} bytes of stack, {need.bytes} are needed ({' > '.join(need.way)})"
        raise FitError(image.board.name, what, f"memory.stack = {need.bytes} or more")
    return need


def build_image(
    board: Board,
    sources: Iterable[Path],
    out: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, str | int] | None = None,
    name: str = "firmware",
) -> toolchain.Image:
    """Any sources as a firmware for `board`: render its header and linker script into `out`, compile, link.

    Args and errors: see `toolchain.build_firmware`.
    """
    write(render_board(board), out)
    return toolchain.build_firmware(board, sources, out, includes=includes, defines=defines, name=name)


def build_host(program: Program, out: Path, sanitize: bool = False, task: Task | None = None) -> tuple[Plan, Path]:
    """The device application for this machine, speaking the link over standard input and output.

    `task` and errors: see `build_firmware`.

    Returns:
        the plan (for no particular board) and the executable.
    """
    if task is not None:
        task.check(program)
    planned = plan(program)
    write(render_model(planned), out)
    firmware = folder("firmware")
    includes = [*app_includes(task), out, firmware / "include", firmware / "port", firmware / "app"]
    sources = [*app_sources(task), firmware / "port" / "host.c"]
    return planned, toolchain.build_host(sources, includes, app_defines(task), out / "host", sanitize=sanitize)


def app_sources(task: Task | None = None) -> list[Path]:
    """The device application and every kernel; the linker drops the kernels that the model does not call."""
    firmware = folder("firmware")
    app = firmware / "app"
    own = [app / name for name in APP]
    if task is not None:
        own = [*(app / "mlperf" / name for name in MLPERF_APP), app / "model.c"]
    return [*own, *sorted((firmware / "kernels").glob("*.c"))]


def app_includes(task: Task | None) -> tuple[Path, ...]:
    """Folders of headers that the application has besides those of every firmware."""
    return () if task is None else (folder("firmware") / "app" / "mlperf",)


def app_defines(task: Task | None) -> Mapping[str, str | int]:
    """Macros of the application's sources."""
    return {} if task is None else task.defines
