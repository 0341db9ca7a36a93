# SPDX-License-Identifier: Apache-2.0
"""The last net: whatever else than an error of ours leaves xnorc becomes one, and says at which node of the model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from xnorc.errors import Fault, XnorcError

P = ParamSpec("P")
R = TypeVar("R")
OURS = str(Path(__file__).parent)


def reported(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, out of which no exception comes but an `XnorcError` (and what stops a program)."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except XnorcError:
            raise
        except Exception as error:
            raise as_fault(error) from error

    return run


def as_fault(error: Exception) -> XnorcError:
    """The error of ours that stands for any other: a fault of xnorc, or a machine that is too small."""
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return XnorcError("memory", said or "there is not enough", "a smaller network or batch, or a larger machine")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return XnorcError(str(error.filename), error.strerror.lower(), "check the path, its permissions and the disk")
    place = _node(error.__traceback__) or _line(error.__traceback__) or "xnorc"
    return Fault(place, f"{type(error).__name__}{': ' + said[:300] if said else ''}")


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames[::-1]


def _node(trace: TracebackType | None) -> str:
    """The node of the model's graph that the innermost of our functions was at work on."""
    for frame in _frames(trace):
        code, held = frame.tb_frame.f_code, frame.tb_frame.f_locals
        node: Any = held.get("node")
        if code.co_filename.startswith(OURS) and type(node).__module__ == "torch.fx.node":
            from xnorc.capture import where

            return where(node)
    return ""


def _line(trace: TracebackType | None) -> str:
    """file:line of the innermost of our functions."""
    for frame in _frames(trace):
        file = frame.tb_frame.f_code.co_filename
        if file.startswith(OURS):
            return f"xnorc/{Path(file).relative_to(OURS)}:{frame.tb_lineno}"
    return ""
