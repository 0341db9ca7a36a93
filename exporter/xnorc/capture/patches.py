# SPDX-License-Identifier: Apache-2.0
"""What models do that a CPU or a tracer cannot: made harmless while a model is built and captured, then undone.

`.cuda()` gives the tensor back.  `tensor.data` reads as `detach()` and writes by copying, since a tracer loses what
goes around autograd.  A pre-0.4 `autograd.Function`, whose forward takes `self`, runs its forward directly.
`Tensor.rename`, gone since torch lost named tensors, gives the tensor back.  And source positions: torch.export
keeps only frames of functions called `forward`; here the user's helpers below them stay, so that an error can name
the line that did it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch.autograd import Function

from xnorc.capture.source import is_users

_TORCH_DATA = torch._C.TensorBase.__dict__["data"]


def _same(self: Any, *_args: Any, **_kwargs: Any) -> Any:
    return self


def _read_data(self: torch.Tensor) -> torch.Tensor:
    return self.detach()


def _write_data(self: torch.Tensor, value: torch.Tensor) -> None:
    if self.shape == value.shape and self.dtype == value.dtype:
        with torch.no_grad():
            self.copy_(value)
    else:  # no copy can do it: what torch itself does
        _TORCH_DATA.__set__(self, value)


class _LegacyContext:
    """Stands in for `self` in the forward of a pre-0.4 Function: keeps whatever it is given."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, function: Any) -> None:
        self.__dict__.update(getattr(function, "__dict__", {}))

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def mark_dirty(self, *_tensors: Any) -> None: ...

    def mark_non_differentiable(self, *_tensors: Any) -> None: ...

    def set_materialize_grads(self, _value: bool) -> None: ...


def _is_legacy(cls: type) -> bool:
    for base in cls.__mro__:
        if "forward" in base.__dict__:
            return base is not Function and not isinstance(base.__dict__["forward"], staticmethod)
    return False


def _call_legacy(self: Any, *args: Any) -> Any:
    return type(self).forward(_LegacyContext(self), *args)


def _users_frames(_tracer: Any, stack: traceback.StackSummary) -> traceback.StackSummary:
    """From the first `forward` on, the frames of the user's own files."""
    first = next((i for i, frame in enumerate(stack) if frame.name == "forward"), len(stack))
    return traceback.StackSummary.from_list([frame for frame in stack[first:] if is_users(frame.filename)])


@contextmanager
def patched() -> Iterator[None]:
    """Keeps the patches above in force; nothing of torch stays changed afterwards."""
    apply = Function.__dict__["apply"]

    def apply_any(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_legacy(cls):
            return cls.forward(_LegacyContext(cls), *args, **kwargs)
        return apply.__get__(None, cls)(*args, **kwargs)

    changes: list[tuple[Any, str, Any]] = [
        (torch.Tensor, "cuda", _same),
        (nn.Module, "cuda", _same),
        (torch.Tensor, "data", property(_read_data, _write_data)),
        (torch.Tensor, "rename", _same),
        (Function, "apply", classmethod(apply_any)),
        (Function, "__call__", _call_legacy),
        (fx.proxy.TracerBase, "_filter_traceback_frames", _users_frames),
    ]
    before = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
