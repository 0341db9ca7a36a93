# SPDX-License-Identifier: Apache-2.0
"""Where firmware/, templates/ and boards/ are: inside an installed wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

from xnorc.errors import ToolError


def folder(name: str) -> Path:
    """The folder `firmware`, `templates` or `boards`.

    Raises:
        ToolError: the installation carries no such folder.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_data" / name, package.parents[1] / name):
        if candidate.is_dir():
            return candidate
    raise ToolError("xnorc", f"the folder {name}/ is missing from this installation", "reinstall xnorc")
