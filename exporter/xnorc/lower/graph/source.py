# SPDX-License-Identifier: Apache-2.0
"""What an integer tensor means: for every element of a float node, the integer that stands for it and the real it
stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from xnorc.program import Tensor

BitOfRow = tuple[int | None, ...]  # of each row of a two-valued node's table its bit; None for a tie, as sign(0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """Element e of `node` is `scale[e] * q + offset[e]`, rounded once to the node's dtype; q is element `at[e]` of
    `tensor`.

    All arrays are flat, one entry an element of the node.

    Attributes:
        node: the float node.
        tensor: the program tensor that holds q.
        at: int64, index into the tensor in (h, w, ch) order.
        scale, offset: float64.
        low, high: int64, bounds of q, alike for all places of a channel so that they share thresholds.
        noise: float64, how far torch's own value may lie from the formula (the order of a float sum); 0 where it
            is exact.
        taps: int64, products summed into q where it is a sum of that many +-1 (so |q| <= taps, of one parity),
            else None.
        table: for an input, the exact values of q = 0..255 in the node's dtype, (256, elements of `kind_of`), else
            None.
        kind_of: int64, column of `table` for each element.
        evaluate: how to compute `real` where the model's own operations lie ahead (a max pool of a chain), else None.
        occurring: int64 (count, channels), rising down each column: all integers that occur in a channel, the last
            one repeated; None where it may be any within `low` and `high` (and of the parity of `taps`).
        exact: False where something was rounded: torch's value differs by more than `noise`.
    """

    node: fx.Node
    tensor: Tensor
    at: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray
    noise: np.ndarray
    taps: np.ndarray | None = None
    table: torch.Tensor | None = None
    kind_of: np.ndarray | None = None
    evaluate: Callable[[np.ndarray, np.ndarray, float], torch.Tensor] | None = None
    occurring: np.ndarray | None = None
    exact: bool = True

    def classes(self) -> np.ndarray:
        """int64: elements of equal number are of one channel, mean the same thing and range alike."""
        channel = self.at % self.tensor.shape[2]
        columns = [channel, self.scale, self.offset, self.low, self.high, self.noise]
        columns += [c for c in (self.taps, self.kind_of) if c is not None]
        ids = np.zeros(len(self.at), np.int64)
        for column in columns:
            if (column == column[0]).all():
                continue
            inverse = np.unique(column, return_inverse=True)[1].reshape(-1)
            ids = np.unique(ids * (int(inverse.max()) + 1) + inverse, return_inverse=True)[1].reshape(-1)
        return ids

    def real(self, q: np.ndarray, at: np.ndarray, shift: float = 0.0) -> torch.Tensor:
        """q int64 (K, S) of the elements `at` (S,) -> what the chain reads, (K, S) in the node's dtype.

        `shift` displaces by that many times the noise.
        """
        dtype = self.node.meta["val"].dtype
        if self.evaluate is not None:
            return self.evaluate(q, at, shift)
        if self.table is not None and self.kind_of is not None:
            return self.table[
                torch.from_numpy(q.copy()), torch.from_numpy(np.broadcast_to(self.kind_of[at], q.shape).copy())
            ]
        value = q * self.scale[at] + (self.offset[at] + shift * self.noise[at])
        return torch.from_numpy(value).to(dtype)

    @property
    def is_rounded_sum(self) -> bool:
        """A float sum that PyTorch rounds on its way, of which the integer tensor has the exact value."""
        return self.exact and self.table is None and self.evaluate is None and bool(self.noise.any())

    def integers(self, value: torch.Tensor) -> np.ndarray:
        """int64 (elements,): the integers nearest to a float value of the node, within +-2^62."""
        real = value.detach().reshape(-1).double().numpy()
        q = np.rint((real - self.offset) / np.where(self.scale == 0, 1, self.scale))
        return np.clip(q, -(2.0**62), 2.0**62).astype(np.int64)

    def nearest(self, value: torch.Tensor) -> torch.Tensor:
        """The reals that these integers stand for, in the shape and dtype of `value`."""
        return self.real(self.integers(value)[None], np.arange(value.numel())).reshape(value.shape)

    def reachable(self, q: np.ndarray, at: np.ndarray) -> np.ndarray:
        """bool (K, S): integers that the sum can be, by range and parity."""
        if self.taps is None:
            return (q >= self.low[at]) & (q <= self.high[at])
        taps = self.taps[at]
        return (np.abs(q) <= taps) & ((q - taps) % 2 == 0)


def canonical(shape: tuple[int, ...]) -> np.ndarray:
    """Index in (h, w, ch) order of every flat element of an NCHW map (1, C, H, W), a row (1, C) or tokens (1, T, C)."""
    if len(shape) == 4:
        _, ch, h, w = shape
        return np.ascontiguousarray(np.arange(h * w * ch).reshape(h, w, ch).transpose(2, 0, 1)).reshape(-1)
    return np.arange(int(np.prod(shape)))


def program_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(h, w, ch) of a float node of batch 1: NCHW, (1, C), or tokens (1, T, C) as T rows."""
    if len(shape) == 4:
        return shape[2], shape[3], shape[1]
    return int(np.prod(shape[1:-1], dtype=int)), 1, shape[-1]
