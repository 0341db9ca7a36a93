# SPDX-License-Identifier: Apache-2.0
"""`by = "probe"`: a debug probe, driven by pyOCD, which is no part of xnorc: `pip install pyocd`.

`--port` is for the link.  pyOCD finds the probe by itself: one probe is to be connected.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from xnorc.errors import FlashError, ToolError
from xnorc.flash.flasher import Flasher, Progress
from xnorc.flash.image import Image

PATIENCE = 180.0  # s for one run of pyOCD


class Probe(Flasher):
    """See the module."""

    kind: ClassVar[str] = "probe"
    needs_port: ClassVar[bool] = False

    def flash(self, image: Image, progress: Progress) -> str:
        table = self.board.flash
        assert table is not None
        program = shutil.which("pyocd")
        if program is None:
            raise ToolError("pyocd", "is not on the PATH", "pip install pyocd")
        target = ["--target", table.target or "cortex_m"]
        with tempfile.TemporaryDirectory(prefix="xnorc-flash-") as folder:
            written, read = Path(folder) / "image.bin", Path(folder) / "read.bin"
            written.write_bytes(image.flat())
            place = ["--format", "bin", "--base-address", f"{image.start:#x}"]
            run([program, "load", *target, *place, str(written)], "its flash may be partly written")
            progress("write", image.size, image.size)
            size = image.end - image.start
            run([program, "commander", *target, "-c", f"savemem {image.start:#x} {size} {read}"], "it is not proved")
            if not read.is_file() or read.read_bytes() != image.flat():
                raise FlashError(self.board.name, "what is read back is not what was written", "run the same again")
            progress("verify", image.size, image.size)
            run([program, "reset", *target], "it holds the image and was not started")
        return "read back"


def run(command: list[str], state: str) -> None:
    """Run pyOCD, which says why it fails in its last line.

    Raises:
        FlashError: it failed or did not end; with `state`, what the board then holds.
    """
    again = "run the same command again"
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise FlashError("pyocd", f"has not ended after {PATIENCE:g} s; {state}", again) from error
    except OSError as error:
        raise ToolError("pyocd", f"cannot be started: {error.strerror}", "pip install pyocd") from error
    if done.returncode:
        lines = (done.stderr + done.stdout).decode(errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line.strip()), f"status {done.returncode}")
        raise FlashError("pyocd", f"{said.strip()}; {state}", again)
