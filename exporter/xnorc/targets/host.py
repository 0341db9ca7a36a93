# SPDX-License-Identifier: Apache-2.0
"""The host target: the device application built for this machine; its standard input and output are the link."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xnorc.errors import ToolError
from xnorc.targets.pipe import ProcessStream
from xnorc.targets.target import Target

SANITIZERS = ("ERROR: AddressSanitizer", "runtime error:")  # what their findings carry


@dataclass(frozen=True)
class Host(Target):
    """This machine.  Nothing is counted: its clock measures the machine, not the program."""

    kind: ClassVar[str] = "host"
    board: None = None

    @property
    def label(self) -> str:
        return "host C"

    def open(self, image: Path, timeout: float | None = 5.0) -> HostStream:
        """Run the executable `image`.

        Raises:
            ToolError: it does not start.
        """
        return HostStream(image, timeout)


class HostStream(ProcessStream):
    """A running host executable.

    Args:
        executable: built from firmware/app, firmware/port/host.c and a model.
        timeout: as in `Stream`.

    Raises:
        ToolError: the executable does not start.
    """

    def __init__(self, executable: Path, timeout: float | None = 1.0) -> None:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen([str(executable)], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=errors)
        except OSError as error:
            ours.close()
            errors.close()
            raise ToolError(str(executable), f"does not start: {error.strerror}") from error
        finally:
            theirs.close()
        super().__init__(Path(executable).name, process, ours, errors, timeout)

    def failure(self) -> ToolError:
        """Why there are no more bytes; a sanitizer's finding goes before its summary."""
        told = super().failure()
        if self._stderr.closed:
            return told
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").splitlines()
        found = [line.strip() for line in said if any(mark in line for mark in SANITIZERS)]
        return ToolError(self.name, found[0]) if found else told
