# SPDX-License-Identifier: Apache-2.0
"""A firmware on Renode, with its UART on a socket terminal.

The build folder holds run.resc, rendered from the board file; it takes the firmware and the TCP port as variables.
Renode gets a temporary directory of its own: at start it deletes what looks like an old one of its kind from the
directory it is given.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from xnorc.boards import Board
from xnorc.errors import BoardError, ToolError
from xnorc.targets.pipe import ProcessStream

START_SECONDS = 60.0  # a cold start under mono on a busy machine


def open_renode(
    board: Board, elf: Path, *, timeout: float | None = 30.0, start: float = START_SECONDS
) -> ProcessStream:
    """Boot `elf` in Renode by the run.resc that lies beside it.

    Args:
        timeout: seconds, as `Stream.timeout`.
        start: seconds that Renode may take to open its socket.

    Raises:
        BoardError: Renode has no such platform (the board file has no [renode]).
        ToolError: renode, the ELF file or run.resc is missing, or Renode does not come up.
    """
    if board.renode is None:
        raise BoardError(board.name, "has no [renode] table", "a board that Renode emulates: see `xnorc boards`")
    program = shutil.which("renode")
    if program is None:
        raise ToolError("renode", "is not on the PATH", "Renode 1.15.3 from its release page, unpacked and on the PATH")
    script = elf.with_name("run.resc")
    for file in (elf, script):
        if not file.is_file():
            raise ToolError("renode", f"there is no {file}", "xnorc build")
    scratch = tempfile.mkdtemp(prefix="xnorc-")
    said = tempfile.TemporaryFile()  # noqa: SIM115 (the stream closes it)
    port = free_port()
    commands = f"$elf=@{quoted(elf.resolve())}; $port={port}; i @{quoted(script.resolve())}"
    # Standard input stays open: the monitor ends when it closes, and `close` ends the process.
    process = subprocess.Popen(
        [program, "--disable-xwt", "--console", "--plain", "-e", commands],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        env={**os.environ, "TMPDIR": scratch},
    )

    def clean() -> None:
        if process.stdin is not None:
            process.stdin.close()
        shutil.rmtree(scratch, ignore_errors=True)

    try:
        link = connect(process, port, start)
    except BaseException:
        stream = ProcessStream("renode", process, socket.socket(), said, timeout, clean)
        died = process.poll() is not None
        failure = stream.failure() if died else ToolError("renode", f"did not open its socket within {start:g} s")
        stream.close()
        raise failure from None
    return ProcessStream("renode", process, link, said, timeout, clean)


def connect(process: subprocess.Popen[bytes], port: int, seconds: float) -> socket.socket:
    """The connection to Renode's socket terminal, once it listens.

    Raises:
        TimeoutError: it does not.
        ChildProcessError: Renode has ended.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ChildProcessError
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except OSError:
            time.sleep(0.05)
    raise TimeoutError


def free_port() -> int:
    """A TCP port that nobody listens on.  Renode takes nothing but a number: another process may still be faster."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quoted(path: Path) -> str:
    """A path as Renode's monitor reads it: spaces escaped."""
    return str(path).replace(" ", "\\ ")
