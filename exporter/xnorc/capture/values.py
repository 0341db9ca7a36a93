# SPDX-License-Identifier: Apache-2.0
"""What is known about a node's result before any image is seen: a constant, a table of few values, or an interval.

`Finite` is a table.  Its `src` is the node whose result chooses the row (a *binarize point*): where an element of `src`
equals `codes[i]`, the element of this node that comes from it equals `vals[i]`.  Rows keep the original codes even
where two of them hold the same value, so that `s` and `s == 0` stay correlated.  Count `distinct()` at the point of
use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import fx

MAX_CODES = 8  # rows in a table; a product of two tables may hold MAX_PRODUCT while it is built
MAX_PRODUCT = 32


@dataclass(frozen=True, eq=False)
class Const:
    """A result that depends on no input.

    Attributes:
        tensor: the value, in the node's own shape and dtype.
    """

    tensor: torch.Tensor


@dataclass(frozen=True, eq=False)
class Finite:
    """A result whose every element is one of at most eight values.

    Attributes:
        src: the node whose result chooses the row; `values[src].src is src`.
        codes: what `src` itself is in each row: 0-dim tensors, or tensors broadcastable to `src`.
        vals: what this node is in each row: 0-dim tensors where uniform, else of this node's rank and broadcastable
        to it.
        tie: the row that means "sign(0)", or None.  While this row is distinct, a two-valued use needs a tie rule.
    """

    src: fx.Node
    codes: tuple[torch.Tensor, ...]
    vals: tuple[torch.Tensor, ...]
    tie: int | None = None

    @property
    def uniform(self) -> bool:
        """True where every row is one number for the whole tensor."""
        return all(v.ndim == 0 for v in self.vals)

    def distinct(self, skip_tie: bool = False) -> int:
        """How many values an element can take, the largest over elements; `skip_tie` leaves the tie row out."""
        rows = [v for i, v in enumerate(self.vals) if not (skip_tie and i == self.tie)]
        stacked = stack_rows(rows).reshape(len(rows), -1).to(torch.float64)
        ordered = stacked.sort(dim=0).values
        return int((1 + (ordered[1:] != ordered[:-1]).sum(0)).max())


@dataclass(frozen=True)
class Range:
    """A result that lies in [lo, hi].

    Attributes:
        lo, hi: bounds over all elements that are not NaN, float; inclusive; an infinite bound may be attained.
        integer: every element that is not NaN is a whole number, or infinite.
        nan: an element may be NaN.
    """

    lo: float
    hi: float
    integer: bool = False
    nan: bool = False

    @property
    def finite(self) -> bool:
        """True where no element can be infinite or NaN."""
        return isfinite(self.lo) and isfinite(self.hi) and not self.nan


UNKNOWN = Range(-inf, inf, nan=True)

Value = Const | Finite | Range


def bounds(value: Value) -> Range:
    """The interval that holds every element of a value."""
    if isinstance(value, Range):
        return value
    parts = [value.tensor] if isinstance(value, Const) else list(value.vals)
    flat = torch.cat([part.reshape(-1).to(torch.float64) for part in parts])
    if flat.numel() == 0:
        return Range(0.0, 0.0, integer=True)
    nan = bool(flat.isnan().any())
    held = flat[~flat.isnan()]
    if held.numel() == 0:
        return UNKNOWN
    whole = bool((held == held.round()).all()) and not nan
    return Range(float(held.min()), float(held.max()), whole, nan)


def collapse(tensor: torch.Tensor) -> torch.Tensor:
    """The smallest tensor that broadcasts to `tensor`: unchanging axes shrink to 1, uniform to 0-dim."""
    for axis in range(tensor.ndim):
        if tensor.shape[axis] > 1:
            first = tensor.narrow(axis, 0, 1)
            if bool((tensor == first).all()):
                tensor = first
    return tensor.reshape(()).clone() if tensor.numel() == 1 else tensor.contiguous()


def stack_rows(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    """Rows that broadcast to one another, stacked along a new first axis."""
    wide = torch.broadcast_shapes(*(row.shape for row in rows))  # type: ignore[no-untyped-call]
    return torch.stack([row.expand(wide) for row in rows])


def hull(values: list[Range]) -> Range:
    """The smallest interval around several."""
    return Range(
        min(v.lo for v in values),
        max(v.hi for v in values),
        all(v.integer for v in values),
        any(v.nan for v in values),
    )
