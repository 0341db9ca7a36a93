# SPDX-License-Identifier: Apache-2.0
"""xnorc: binary neural networks from PyTorch to microcontrollers, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xnorc.lower.export import export

__version__ = "0.1.0"
__all__ = ["__version__", "export"]


def __getattr__(name: str) -> Any:
    """`xnorc.export` on first use: importing xnorc does not import torch."""
    if name == "export":
        from importlib import import_module

        from xnorc.errors import ToolError

        try:
            return import_module("xnorc.lower.export").export
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ToolError("xnorc.export", "PyTorch is not installed", "pip install 'xnorc[export]'") from error
    raise AttributeError(f"module 'xnorc' has no attribute {name!r}")
