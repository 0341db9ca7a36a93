# SPDX-License-Identifier: Apache-2.0
"""What the user may choose for an export: each option in one place, for Python, the command line and the help of both.

A field of `Options` is an option of `xnorc.export` and `xnorc.verify`; a field that has a `Flag` is one of every
command that lowers a model, too.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from xnorc.errors import DataError, LowerError

if TYPE_CHECKING:
    import numpy as np

Normalisation = float | Sequence[float] | None
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Flag:
    """An option as the command line has it.

    Attributes:
        help: one or two sentences.
        takes: the type that is typed; str for numbers with commas between them.
    """

    help: str
    takes: Any


def _flag(default: Any, takes: Any, help: str) -> Any:
    return field(default=default, metadata={"flag": Flag(help, takes)})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user chose, checked by `Options.of`.

    Attributes:
        mean, std: per channel, applied to x / 255 ahead of the model; None: the model sees x / 255.
        tie: the value (+1 or -1) of sign(0) where a model can reach it; None refuses such a model.
        calibration: uint8 (N, h, w, c) images like those that will be seen, or None; networks with real-valued paths
            need them.
        percentile: share of calibration magnitudes, in percent, that a stream must hold without saturating.
        weight_bits: bits of real weights, 8 or 16; None: 16 where the layer's map is small (two planes of 8) and in
            stencils (int16), 8 elsewhere.
        static_collapsed: thresholds computed from the image (ASD, DySign) that are the same for all calibration images
            become constants; such layers are named in the program's notes either way.
    """

    mean: tuple[float, ...] | None = _flag(
        None, str | None, "Per-channel mean taken from x/255 ahead of the model: 0.49,0.48,0.45."
    )
    std: tuple[float, ...] | None = _flag(None, str | None, "Per-channel standard deviation, divided by after that.")
    tie: int | None = _flag(None, int | None, "What sign(0) means where the network can reach it: 1 or -1.")
    calibration: np.ndarray | None = None
    percentile: float = _flag(
        100.0, float, "Share of calibration magnitudes that streams hold without saturating, in %."
    )
    weight_bits: int | None = _flag(
        None, int | None, "Bits of real weights, 8 or 16 (default: 16 in small stems, heads and LAB's taps)."
    )
    static_collapsed: bool = _flag(
        False, bool, "Make thresholds computed from the image constants where calibration never moves them."
    )

    @classmethod
    def of(cls, shape: Sequence[int], chosen: Mapping[str, Any]) -> Options:
        """Check what the user gave.

        Args:
            shape: of the example input, (1, C, H, W) or (1, features).
            chosen: options by name, as typed.

        Raises:
            DataError: no option of that name, or a value of a wrong type or shape.
            LowerError: a value out of range.
        """
        known = [f.name for f in fields(cls)]
        for name in chosen:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"{near[0]!r} is one" if near else f"one of {', '.join(known)}"
                raise DataError("options", f"there is no option {name!r}", hint)
        made = cls(**{**chosen, "mean": _tuple(chosen, "mean"), "std": _tuple(chosen, "std")})
        made.check(shape)
        return made

    def check(self, shape: Sequence[int]) -> None:
        """Refuse what has no meaning for an input of this shape; see `of`."""
        if self.tie not in (None, 1, -1) or isinstance(self.tie, bool):
            raise LowerError("tie", f"{self.tie!r}", "1, -1 or None")
        if self.weight_bits not in (None, 8, 16):
            raise LowerError("weight_bits", f"{self.weight_bits!r}", "8 or 16, or left out")
        if not isinstance(self.percentile, int | float) or not 50.0 < self.percentile <= 100.0:
            raise LowerError("percentile", f"{self.percentile!r}", "above 50, at most 100")
        channels = shape[1] if len(shape) == 4 else 1
        for name in ("mean", "std"):
            given = getattr(self, name)
            if given is not None and len(given) not in (1, channels):
                what = f"{len(given)} values of {name} for {channels} channels"
                raise LowerError("normalisation", what, "one value or one per channel")
        numbers = [*(self.mean or ()), *(self.std or ())]
        if not all(map(isfinite, numbers)) or min(self.std or (1.0,)) <= 0:
            raise LowerError("normalisation", f"mean {self.mean}, std {self.std}", "finite numbers, std above 0")
        if self.calibration is not None:
            _check_images(self.calibration, shape)


def shows_options(function: F) -> F:
    """`function(..., **options)` with the options by name in its signature, as `help()` and editors show it."""
    own = inspect.signature(function)
    kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    named = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
        for f in fields(Options)
    ]
    function.__signature__ = own.replace(parameters=[*kept, *named])  # type: ignore[attr-defined]
    return function


def _tuple(chosen: Mapping[str, Any], name: str) -> tuple[float, ...] | None:
    """One number, or one for each channel, as floats; from "0.5,0.4" as well."""
    import numpy as np

    given = chosen.get(name)
    if given is None:
        return None
    try:
        numbers = given.split(",") if isinstance(given, str) else given
        return tuple(np.asarray(numbers, np.float64).reshape(-1).tolist())
    except (TypeError, ValueError):
        raise DataError(name, f"is {given!r}", "a number, or one for each channel") from None


def _check_images(images: Any, shape: Sequence[int]) -> None:
    import numpy as np

    array = np.asarray(images)
    _, ch, h, w = shape if len(shape) == 4 else (1, shape[-1], 1, 1)
    if array.dtype != np.uint8 or array.shape[1:] != (h, w, ch) or not len(array):
        raise DataError("calibration", f"{array.dtype} {array.shape}", f"uint8 (N, {h}, {w}, {ch}), N at least 1")
