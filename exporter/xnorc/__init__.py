# SPDX-License-Identifier: Apache-2.0
"""xnorc: binary neural networks from PyTorch to microcontrollers, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xnorc.exporting import export
    from xnorc.verifying import verify

__version__ = "0.1.0"
__all__ = ["__version__", "export", "verify"]

LATE = {"export": "xnorc.exporting", "verify": "xnorc.verifying"}  # importing xnorc does not import torch


def __getattr__(name: str) -> Any:
    """`xnorc.export` and `xnorc.verify` on first use."""
    if name in LATE:
        from importlib import import_module

        from xnorc.errors import ToolError

        try:
            return getattr(import_module(LATE[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ToolError(f"xnorc.{name}", "PyTorch is not installed", "pip install 'xnorc[export]'") from error
    raise AttributeError(f"module 'xnorc' has no attribute {name!r}")
