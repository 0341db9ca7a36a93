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
from collections.abc import Sequence
from pathlib import Path

from xnorc.boards import ICOUNT_SHIFT, Board
from xnorc.errors import BoardError, ToolError
from xnorc.targets.pipe import ProcessStream


def open_qemu(board: Board, elf: Path, *, timeout: float | None = 5.0, extra: Sequence[str] = ()) -> ProcessStream:
    """Boot `elf` on the board's QEMU machine.

    Args:
        timeout: seconds, as `Stream.timeout`.
        extra: further options of qemu-system-arm (a plugin, a smaller RAM).

    Raises:
        BoardError: QEMU has no such machine (the board file has no [qemu]).
        ToolError: qemu-system-arm or the ELF file is missing.
    """
    if board.qemu is None:
        raise BoardError(board.name, "has no [qemu] table", "a board that QEMU emulates: see `xnorc boards`")
    program = shutil.which("qemu-system-arm")
    if program is None:
        raise ToolError("qemu-system-arm", "is not on the PATH", "apt-get install qemu-system-arm")
    if not elf.is_file():
        raise ToolError("qemu-system-arm", f"there is no {elf}", "xnorc build")
    ours, theirs = socket.socketpair()
    said = tempfile.TemporaryFile()  # noqa: SIM115 (the stream closes it)
    command = [program, "-M", board.qemu.machine, "-nodefaults", "-display", "none", "-monitor", "none"]
    command += ["-icount", f"shift={ICOUNT_SHIFT},sleep=off", "-semihosting-config", "enable=on,target=native"]
    command += ["-chardev", f"socket,id=link,fd={theirs.fileno()}", "-serial", "chardev:link"]
    command += ["-kernel", str(elf), *extra]
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
