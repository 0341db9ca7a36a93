# SPDX-License-Identifier: Apache-2.0
"""What the weights of one output channel are: ±a, m ± a, ±a with exact zeros, or real.  No tolerance anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch

NEAR = 1e-5


class Kind(Enum):
    """The value set of the weights of one output channel."""

    BINARY = "binary"  # every value is +a or -a, a > 0 (one sign alone counts)
    TWO_VALUED = "two-valued"  # m + a and m - a, m != 0
    TERNARY = "ternary"  # +a, -a and exact zeros
    ZERO = "zero"  # all zero
    REAL = "real"


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of a dot, channel by channel.

    Attributes:
        kinds: one `Kind` an output channel.
        sign: int8, shape of the weight: +1, -1, or 0 for an exact zero of a ternary channel and all over real channels.
        scale: a, per output channel, float64; 0 for ZERO, NaN for REAL.
        mean: m, per output channel, float64; 0 but for TWO_VALUED.
        zeros: flat indices of the exact zeros in ternary channels.
        near: output channels that are two- or three-valued only up to 1e-5: a straight-through form not cancelled.
    """

    kinds: tuple[Kind, ...]
    sign: torch.Tensor
    scale: torch.Tensor
    mean: torch.Tensor
    zeros: torch.Tensor
    near: tuple[int, ...]

    @property
    def binary(self) -> bool:
        """True where every output channel is ±a (zero channels do not count against it)."""
        return all(k in (Kind.BINARY, Kind.ZERO) for k in self.kinds) and Kind.BINARY in self.kinds

    @property
    def kind(self) -> Kind:
        """The kind that covers every channel."""
        order = [Kind.REAL, Kind.TERNARY, Kind.TWO_VALUED, Kind.BINARY, Kind.ZERO]
        return next(k for k in order if k in self.kinds)


def classify(weight: torch.Tensor) -> Weights:
    """Reads the value set of each output channel off a constant weight.

    A channel is BINARY where all its values equal +a or -a; TWO_VALUED where it has exactly two values m - a < m +
    a, not opposite; TERNARY where it has -a, 0 and +a.  A channel with fewer than three weights holds two
    values whatever it was meant to be; the caller asks for a binary *input* as well.

    Args:
        weight: (out, ...) floating point or integer.

    Returns:
        One entry per output channel; comparisons are exact.
    """
    flat = weight.reshape(weight.shape[0], -1)
    magnitude = flat.abs()
    largest = magnitude.max(dim=1, keepdim=True).values
    lo, hi = flat.min(dim=1, keepdim=True).values, flat.max(dim=1, keepdim=True).values
    at_largest, at_zero = magnitude == largest, flat == 0
    zero = (largest == 0).reshape(-1)
    binary = at_largest.all(1) & ~zero
    two = ((flat == lo) | (flat == hi)).all(1) & ~binary & ~zero
    ternary = (at_largest | at_zero).all(1) & ~binary & ~two & ~zero
    real = ~(binary | ternary | two | zero)
    wide = flat.to(torch.float64)
    low, high, top = (t.to(torch.float64).reshape(-1) for t in (lo, hi, largest))
    scale = torch.where(two, (high - low) / 2, top).masked_fill(real, float("nan"))
    mean = torch.where(two, (high + low) / 2, torch.zeros_like(top))
    sign = torch.where(two[:, None], torch.where(flat == hi, 1, -1), wide.sign().to(torch.int64))
    sign = sign.masked_fill(real[:, None], 0).to(torch.int8)
    kinds = [
        Kind.BINARY if b else Kind.TERNARY if t else Kind.TWO_VALUED if w else Kind.ZERO if z else Kind.REAL
        for b, t, w, z in zip(binary.tolist(), ternary.tolist(), two.tolist(), zero.tolist(), strict=True)
    ]
    zeros = (at_zero & ternary[:, None]).reshape(-1).nonzero().reshape(-1)
    near = _near(wide, real)
    return Weights(tuple(kinds), sign.reshape(weight.shape), scale, mean, zeros, near)


def _near(flat: torch.Tensor, real: torch.Tensor) -> tuple[int, ...]:
    """Real channels with more than three weights whose values lie within 1e-5 of -a, 0 or +a, or of two values."""
    if flat.shape[1] < 4:
        return ()
    magnitude = flat.abs()
    top = magnitude.max(dim=1, keepdim=True).values
    close = ((magnitude - top).abs() < NEAR * top) | (magnitude < NEAR * top)
    lo, hi = flat.min(dim=1, keepdim=True).values, flat.max(dim=1, keepdim=True).values
    two = ((flat - lo).abs() < NEAR * top) | ((flat - hi).abs() < NEAR * top)
    return tuple(int(i) for i in ((close.all(1) | two.all(1)) & real).nonzero().reshape(-1))
