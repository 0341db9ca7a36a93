# SPDX-License-Identifier: Apache-2.0
"""Integer thresholds: where a bit flips, per channel and, if need be, per place on the map.

    bit = (thr[rows[y]][cols[x]][c] <= v) ^ flip[c]                 one flip in the chain
    bit = (thr[..] <= v < thr2[..]) ^ flip[c]                       two flips (a negative PReLU slope, an abs)

`rows` and `cols` name, for each output row and column, the class of thresholds it uses.  One mechanism serves
all maps: a static threshold has one class; a dither tile of th x tw has rows = 0,1,..,th-1,0,1,..; thresholds
that must act ahead of a 2x2 max pool repeat each class twice (the pooled pixel's phase); and a border whose
number of valid taps changes the meaning of a sum gets classes of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from xnorc.errors import ProgramError

NEVER = np.iinfo(np.int32).max  # v >= NEVER holds for no sum: verify() proves every range below it
ALWAYS = np.iinfo(np.int32).min


@dataclass(frozen=True, eq=False, kw_only=True)
class Thresholds:
    """See the module text.

    Attributes:
        thr: int32 (n_rows, n_cols, ch); NEVER and ALWAYS make constant channels.
        flip: bool (ch,).
        rows: uint8 (h,), class of each output row, below n_rows.
        cols: uint8 (w,), class of each output column, below n_cols.
        thr2: int32 like `thr`, or None; an empty interval is thr2 <= thr.
    """

    thr: np.ndarray
    flip: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    thr2: np.ndarray | None = field(default=None)

    def apply(self, v: np.ndarray) -> np.ndarray:
        """v (N, h, w, ch) integers -> bits uint8 of the same shape."""
        at = np.ix_(self.rows, self.cols)
        bit = v >= self.thr[at]
        if self.thr2 is not None:
            bit &= v < self.thr2[at]
        return (bit ^ self.flip).astype(np.uint8)

    def verify(self, where: str, shape: tuple[int, int, int], bounds: tuple[int, int]) -> None:
        """Raise ProgramError unless the thresholds fit a tensor of `shape` whose values lie within `bounds`."""
        h, w, ch = shape
        if self.thr.ndim != 3 or self.thr.shape[2] != ch or self.flip.shape != (ch,):
            raise ProgramError(
                where, f"thresholds of shape {self.thr.shape} and flip {self.flip.shape} for {ch} channels"
            )
        n_rows, n_cols = self.thr.shape[:2]
        if self.thr.dtype != np.int32 or self.flip.dtype != np.bool_:
            raise ProgramError(where, f"thresholds are {self.thr.dtype} and flip {self.flip.dtype}", "int32 and bool")
        if self.thr2 is not None and (self.thr2.shape != self.thr.shape or self.thr2.dtype != np.int32):
            raise ProgramError(where, "the second thresholds differ from the first in shape or dtype")
        if self.rows.shape != (h,) or self.cols.shape != (w,):
            raise ProgramError(where, f"threshold classes for {self.rows.shape + self.cols.shape} of a {h}x{w} map")
        if self.rows.dtype != np.uint8 or self.cols.dtype != np.uint8:
            raise ProgramError(where, "threshold classes must be uint8")
        if self.rows.max() >= n_rows or self.cols.max() >= n_cols:
            raise ProgramError(where, "a row or column names a class of thresholds that does not exist")
        if bounds[0] <= ALWAYS or bounds[1] >= NEVER:
            raise ProgramError(where, f"values within {bounds} can meet the extreme thresholds")

    @property
    def period(self) -> tuple[int, int]:
        """The tile (th, tw) if classes repeat with a period; (h, w) where they do not."""
        return _period(self.rows), _period(self.cols)


def _period(classes: np.ndarray) -> int:
    return next(p for p in range(1, len(classes) + 1) if (classes[p:] == classes[: len(classes) - p]).all())


def from_map(thr: np.ndarray, flip: np.ndarray, thr2: np.ndarray | None = None) -> Thresholds:
    """Thresholds for every place, (h, w, ch), compressed to the fewest row and column classes.

    Two rows share a class when all their thresholds are equal; likewise columns.  Classes are numbered in order
    of first appearance, so the same map always renders the same bytes.
    """
    maps = np.stack([thr] if thr2 is None else [thr, thr2])  # (1 or 2, h, w, ch)
    rows, first_row = _classes(maps.transpose(1, 0, 2, 3).reshape(thr.shape[0], -1))
    cols, first_col = _classes(maps.transpose(2, 0, 1, 3).reshape(thr.shape[1], -1))
    kept = maps[:, first_row][:, :, first_col].astype(np.int32)
    return Thresholds(
        thr=kept[0], thr2=None if thr2 is None else kept[1], flip=np.asarray(flip, bool), rows=rows, cols=cols
    )


def _classes(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number equal rows alike: (class of each row uint8, row that first showed each class)."""
    _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    if len(order) > 256:
        raise ProgramError("thresholds", f"{len(order)} different rows of thresholds", "at most 256 can be told apart")
    return rank[inverse.reshape(-1)].astype(np.uint8), first[order]
