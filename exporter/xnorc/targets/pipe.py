# SPDX-License-Identifier: Apache-2.0
"""A child process with a socket to its UART, as a pyserial-like stream; shared by the targets that run one."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import time
import weakref
from collections.abc import Callable
from typing import IO

from xnorc.errors import ToolError

SAID_BYTES = 65536  # as much of the end of what a child says is read for its last complaint
COMPLAINT = re.compile(r"\[(WARNING|ERROR)\]|\b(WARNING|ERROR):")


class ProcessStream:
    """Bytes to and from a child process over a connected socket.

    Args:
        name: the tool's name, for errors.
        process: the child; `close` ends and reaps it.
        link: the connected socket.
        stderr: the file that takes the child's standard error and output, read into the error when it ends too early.
        timeout: seconds a read waits for all of its bytes; None is without end.
        after: called once by `close` when the child is gone (removes files).
        ends: ends the child and reaps it.
    """

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        link: socket.socket,
        stderr: IO[bytes],
        timeout: float | None = None,
        after: Callable[[], None] | None = None,
        ends: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> None:
        self.name, self.process, self.timeout = name, process, timeout
        self._link, self._stderr, self._after = link, stderr, after
        self._buffer = bytearray()
        self._ended = False
        self._end = weakref.finalize(
            self, ends or end, process
        )  # also when nobody closes the stream, and at the interpreter's end
        link.setblocking(False)

    @property
    def in_waiting(self) -> int:
        """Bytes that `read` gives without waiting.  Raises ToolError once the child has ended and all was read."""
        self._receive(0.0)
        if self._ended and not self._buffer:
            raise self.failure()
        return len(self._buffer)

    def read(self, size: int = 1, /) -> bytes:
        """`size` bytes, or fewer if `timeout` passes.

        Raises:
            ToolError: the child has ended and nothing is left to read.
        """
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while len(self._buffer) < size and not self._ended:
            left = None if end is None else end - time.monotonic()
            if left is not None and left < 0:
                break
            self._receive(left)
        if self._ended and not self._buffer and size:
            raise self.failure()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def write(self, data: bytes, /) -> int:
        """All of `data`; meanwhile what the child says is kept, so that neither end can block the other."""
        sent = 0
        while sent < len(data):
            _, writable, _ = select.select([], [self._link], [], 0.05)
            self._receive(0.0)
            try:
                sent += self._link.send(data[sent:]) if writable else 0
            except BlockingIOError:
                continue
            except OSError:
                self._ended = True
            if self._ended:
                raise self.failure()
        return sent

    def close(self) -> None:
        """End the child and wait for it; may be called twice."""
        self._link.close()
        self._end()
        self._ended = True
        if not self._stderr.closed:
            self._stderr.close()
        after, self._after = self._after, None
        if after is not None:
            after()

    def wait(self, timeout: float) -> int:
        """The child's exit status, once it ends by itself.

        Raises:
            ToolError: it does not end within `timeout` seconds.
        """
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ToolError(self.name, f"still runs after {timeout:g} s") from None

    def failure(self) -> ToolError:
        """Why there are no more bytes: the exit status and what the child said."""
        try:
            status: int | None = self.process.wait(1)
        except subprocess.TimeoutExpired:
            status = None
        if self._stderr.closed:
            return ToolError(self.name, "the stream is closed")
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and ": warning: " not in line]
        lockup = next((line for line in said if "Lockup" in line), None)
        if lockup is not None:
            pc = next((word[4:] for line in said for word in line.split() if word.startswith("R15=")), "unknown")
            return ToolError(
                self.name, f"the core locked up at pc {pc}: a fault inside the fault handler", lockup.strip()
            )
        ending = "closed its UART" if status is None else f"ended with status {status}"
        return ToolError(self.name, ending + (f": {said[-1].strip()}" if said else ""))

    def complaint(self) -> str:
        """The last line with WARNING or ERROR that the child has said so far, or nothing."""
        if self._stderr.closed:
            return ""
        # pread: the child writes at the offset of this very file
        said = os.pread(self._stderr.fileno(), SAID_BYTES, max(0, os.fstat(self._stderr.fileno()).st_size - SAID_BYTES))
        marked = [line for line in said.decode(errors="replace").splitlines() if COMPLAINT.search(line)]
        return marked[-1].strip() if marked else ""

    def __enter__(self) -> ProcessStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, wait: float | None) -> None:
        """Move what has come into the buffer, waiting up to `wait` seconds for the first byte."""
        if self._ended:
            return
        readable, _, _ = select.select([self._link], [], [], wait)
        if not readable:
            return
        try:
            got = self._link.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        self._ended = not got
        self._buffer += got


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a child, kill it if it does not care, and reap it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
