# SPDX-License-Identifier: Apache-2.0
"""Optional parts: those who only flash and report need neither torch nor Lightning, and are told so when they do."""

from __future__ import annotations

from importlib.util import find_spec

from xnorc.errors import ToolError

PARTS = {"export": ("torch",), "train": ("torch", "lightning", "sklearn", "PIL")}


def need(extra: str, task: str) -> None:
    """Go on only if what the extra `export` or `train` brings is installed.

    Raises:
        ToolError: names what is missing, and the command that installs it.
    """
    missing = [name for name in PARTS[extra] if find_spec(name) is None]
    if missing:
        command = f"pip install 'xnorc[{extra}]' torch==2.13.0"
        raise ToolError(task, f"needs {', '.join(missing)}, which is not installed", command)
