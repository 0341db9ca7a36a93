# SPDX-License-Identifier: Apache-2.0
"""A firmware on qemu-system-arm, with its UART on an inherited socket pair: no port, no name, nothing to race for.

`-icount shift=6` makes every instruction 2^6 ns of virtual time, so that SysTick counts instructions (docs/contracts.md
section 6); `sleep=off` keeps the guest from waiting for real time to catch up.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from xnorc.boards import Board
from xnorc.errors import BoardError, ToolError
from xnorc.targets.pipe import ProcessStream
from xnorc.targets.target import Target

ICOUNT_SHIFT = 6  # one instruction is 2^6 ns of virtual time


@dataclass(frozen=True)
class Qemu(Target):
    """A board that QEMU emulates.

    Attributes:
        extra: further options of qemu-system-arm (a plugin, a smaller RAM).

    Raises:
        BoardError: QEMU has no such machine (the board file has no [qemu]).
    """

    kind: ClassVar[str] = "qemu"
    unit: ClassVar[str] = "instructions"
    board: Board
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.board.qemu is None:
            raise BoardError(self.board.name, "has no [qemu] table", "a board that QEMU emulates: see `xnorc boards`")

    @classmethod
    def emulates(cls, board: Board) -> bool:
        return board.qemu is not None

    def count(self, ticks: int) -> int:
        """Instructions: a tick is 1 / hz of virtual time."""
        assert self.board.qemu is not None
        return round(ticks * Fraction(10**9, self.board.qemu.hz << ICOUNT_SHIFT))

    def open(self, image: Path, timeout: float | None = 5.0) -> ProcessStream:
        """Boot the ELF file `image`.

        Raises:
            ToolError: qemu-system-arm or the ELF file is missing.
        """
        program = shutil.which("qemu-system-arm")
        if program is None:
            raise ToolError("qemu-system-arm", "is not on the PATH", "apt-get install qemu-system-arm")
        if not image.is_file():
            raise ToolError("qemu-system-arm", f"there is no {image}", "xnorc build")
        assert self.board.qemu is not None
        ours, theirs = socket.socketpair()
        said = tempfile.TemporaryFile()  # noqa: SIM115 (the stream closes it)
        command = [program, "-M", self.board.qemu.machine, "-nodefaults", "-display", "none", "-monitor", "none"]
        command += ["-icount", f"shift={ICOUNT_SHIFT},sleep=off", "-semihosting-config", "enable=on,target=native"]
        command += ["-chardev", f"socket,id=link,fd={theirs.fileno()}", "-serial", "chardev:link"]
        command += ["-kernel", str(image), *self.extra]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[theirs.fileno()]
            )
        except OSError as error:
            ours.close()
            said.close()
            raise ToolError("qemu-system-arm", f"cannot start: {error}") from error
        finally:
            theirs.close()
        return ProcessStream("qemu-system-arm", process, ours, said, timeout)
