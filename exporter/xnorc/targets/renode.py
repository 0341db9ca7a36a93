# SPDX-License-Identifier: Apache-2.0
"""A firmware on Renode, with its UART on a socket terminal.

The build folder holds run.resc, rendered from the board file; it takes the firmware and the TCP port as variables.
Renode gets a temporary directory of its own: at start it deletes what looks like an old one of its kind from the
directory it is given.  `renode` may be a shell script around the emulator: it is started as a session of its own, whose
whole group is ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xnorc.boards import Board
from xnorc.errors import BoardError, ToolError
from xnorc.targets.pipe import ProcessStream
from xnorc.targets.target import Target

START_SECONDS = 180.0  # a cold start under mono on a busy machine
END_SECONDS = 5.0  # from the end of its input; Renode takes 0.8 s, and writes into its folder till then


@dataclass(frozen=True)
class Renode(Target):
    """A board that Renode emulates.

    Attributes:
        start: seconds that Renode may take to open its socket.

    Raises:
        BoardError: Renode has no such platform (the board file has no [renode]).
    """

    kind: ClassVar[str] = "renode"
    unit: ClassVar[str] = "instructions"
    board: Board
    start: float = START_SECONDS

    def __post_init__(self) -> None:
        if self.board.renode is None:
            hint = "a board that Renode emulates: see `xnorc boards`"
            raise BoardError(self.board.name, "has no [renode] table", hint)

    @classmethod
    def emulates(cls, board: Board) -> bool:
        return board.renode is not None

    def count(self, ticks: int) -> int:
        """Instructions: Renode carries out one a tick."""
        return ticks

    def open(self, image: Path, timeout: float | None = 30.0) -> ProcessStream:
        """Boot the ELF file `image` by the run.resc that lies beside it.

        Raises:
            ToolError: renode, the ELF file or run.resc is missing, or Renode does not come up.
        """
        program = shutil.which("renode")
        if program is None:
            hint = "Renode 1.15.3 from its release page, unpacked and on the PATH"
            raise ToolError("renode", "is not on the PATH", hint)
        script = image.with_name("run.resc")
        for file in (image, script):
            if not file.is_file():
                raise ToolError("renode", f"there is no {file}", "xnorc build")
        scratch = tempfile.mkdtemp(prefix="xnorc-")
        said = tempfile.TemporaryFile()  # noqa: SIM115 (the stream closes it)
        port = free_port()
        commands = f"$elf=@{quoted(image.resolve())}; $port={port}; i @{quoted(script.resolve())}"
        # Standard input stays open: the monitor ends when it closes.
        process = subprocess.Popen(
            [program, "--disable-xwt", "--console", "--plain", "-e", commands],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={**os.environ, "TMPDIR": scratch},
            start_new_session=True,
        )

        def clean() -> None:
            shutil.rmtree(scratch, ignore_errors=True)

        def stream(link: socket.socket) -> ProcessStream:
            return ProcessStream("renode", process, link, said, timeout, clean, end_session)

        try:
            return stream(connect(process, port, self.start))
        except BaseException as error:
            failed = stream(socket.socket())
            failure: BaseException = error
            if isinstance(error, ChildProcessError):
                failure = failed.failure()
            elif isinstance(error, TimeoutError):
                failure = self._late(failed)
            failed.close()
            raise failure from None

    def _late(self, stream: ProcessStream) -> ToolError:
        complained = stream.complaint()
        what = f"did not open its socket within {self.start:g} s" + (f": {complained}" if complained else "")
        return ToolError("renode", what, "--start-timeout gives it longer")


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End Renode by the end of its input, the group that it leads by force, and reap it."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # a script's child may outlive it
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
