# SPDX-License-Identifier: Apache-2.0
"""The host target: the device application compiled for this machine, run as a process whose standard input and output are the link."""

from __future__ import annotations

import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from xnorc.errors import ToolError

READ_SIZE = 1 << 16


class HostStream:
    """A running host executable as a `Stream`.

    Args:
        executable: built from firmware/app, firmware/port/host.c and a model.
        timeout: as in `Stream`.

    Raises:
        ToolError: the executable does not start, or has ended (its exit status and last words are told).
    """

    def __init__(self, executable: Path, timeout: float | None = 1.0) -> None:
        self.timeout = timeout
        self._name = Path(executable).name
        self._ended = False
        self._buffer = bytearray()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())
        self._socket, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen([str(executable)], stdin=theirs, stdout=theirs, stderr=self._errors)
        except OSError as error:
            self._socket.close()
            self._errors.close()
            raise ToolError(str(executable), f"does not start: {error.strerror}") from error
        finally:
            theirs.close()
        self._socket.setblocking(False)

    @property
    def in_waiting(self) -> int:
        """Bytes that `read` can give without waiting."""
        self._fill()
        return len(self._buffer)

    def read(self, size: int = 1, /) -> bytes:
        """Up to `size` bytes: all of them, or what came before `timeout` seconds had passed."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        while len(self._buffer) < size:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                break
            self._fill()
            if self._ended:
                if self._buffer:
                    break
                raise self._death()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def write(self, data: bytes, /) -> int:
        """Send all of `data`, taking in what the process says meanwhile: neither end can block the other."""
        rest = memoryview(data)
        while rest:
            readable, writable, _ = select.select([self._socket], [self._socket], [])
            if readable:
                self._fill()
            if self._ended:
                raise self._death()
            if writable:
                try:
                    rest = rest[self._socket.send(rest) :]
                except OSError:
                    raise self._death() from None
        return len(data)

    def close(self) -> None:
        """End the process (its input ends, so it leaves by itself) and free what belongs to it."""
        self._socket.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> HostStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill(self) -> None:
        while not self._ended:
            try:
                data = self._socket.recv(READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self._buffer += data
            self._ended = not data

    def _death(self) -> ToolError:
        status = self._process.wait()
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        telling = next((line.strip() for line in words if "ERROR" in line or "runtime error" in line), words[-1] if words else "it said nothing")
        return ToolError(self._name, f"ended with status {status}: {telling}")
