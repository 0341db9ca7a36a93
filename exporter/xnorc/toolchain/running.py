# SPDX-License-Identifier: Apache-2.0
"""Runs a compiler or linker, and finds the line of what it says that matters."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from xnorc.errors import ToolError


def run_tool(command: Sequence[str], check: bool = False, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, in the folder `cwd`.

    Raises:
        ToolError: with `check`, the tool failed; carries the first line that complains.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, cwd=cwd)
    if check and done.returncode:
        raise ToolError(Path(command[0]).name, complaint(done.stderr))
    return done


def complaint(stderr: str) -> str:
    """The first line of a tool's output that says error (or the last line, if none does)."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = re.compile(r"\b(error|undefined reference|multiple definition|cannot find)\b")
    errors = [line for line in lines if said.search(line)]
    return (errors or lines[-1:] or ["failed without a word"])[0].strip()
