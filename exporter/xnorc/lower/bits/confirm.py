# SPDX-License-Identifier: Apache-2.0
"""The slow check of a searched threshold: the model's own operations, at the model's own shapes, on whole maps.

`Chain` runs operations at single elements.  Elementwise operations should not care; vector code with another tail,
or a layout nobody thought of, could.  So every binarize point is run again the way PyTorch runs it, on maps of
integers that lie at and around the thresholds, and the program's nodes must give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.capture import run
from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.codes import TIE
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.source import BitOfRow, Source
from xnorc.program import ALWAYS, NEVER, Thresholds

NEAR = 2  # integers on either side of a threshold: thr - NEAR .. thr + NEAR - 1
ROUNDS = 2 * NEAR  # maps, so that every place meets each of these integers once


@dataclass(frozen=True, eq=False)
class Part:
    """The integers of one origin, the thresholds on them, and the bits made of them as (h, w, ch) maps of 0 and 1."""

    source: Source
    thresholds: Thresholds


def confirm(
    graph: Graph,
    node: fx.Node,
    parts: list[Part],
    bit_of_row: BitOfRow,
    bits_at: Callable[[list[np.ndarray]], np.ndarray],
) -> None:
    """Compare on ROUNDS maps, in which every place meets each integer beside its threshold; twice that for intervals.

    Args:
        bits_at: turns the parts' bits (h, w, ch) into the point's flat elements.

    Raises:
        LowerError: a bit differs although no float sum's noise can explain it.
    """
    reader = Reader(graph, node, bit_of_row)
    rng = np.random.default_rng(0)
    captured = graph.captured
    starts = [rng.integers(0, ROUNDS, part.source.tensor.shape) for part in parts]  # neighbours meet unlike integers
    intervals = any(part.thresholds.thr2 is not None for part in parts)
    for step in range(ROUNDS * (2 if intervals else 1)):
        maps = [
            _near(part, (start + step) % ROUNDS - NEAR, step >= ROUNDS, rng)
            for part, start in zip(parts, starts, strict=True)
        ]
        given = {captured.input: captured.example}
        for part, q in zip(parts, maps, strict=True):
            source = part.source
            flat = q.reshape(-1)[source.at][None]
            real = source.real(flat, np.arange(len(source.at)))[0]
            given[source.node] = real.reshape(source.node.meta["val"].shape)
        value = run(captured.graph, given, [node])[node].reshape(1, -1)
        wanted = reader(value, np.arange(value.shape[1]))[0]
        ours = bits_at([p.thresholds.apply(q[None])[0] for p, q in zip(parts, maps, strict=True)])
        wrong = np.flatnonzero((wanted != ours) & (wanted != TIE))
        if len(wrong):
            raise graph.refuse(
                node,
                f"{len(wrong)} of {len(wanted)} bits differ between this operation run on a map and on its elements "
                f"(the first at {np.unravel_index(wrong[0], node.meta['val'].shape)})",
                "elementwise operations whose result does not depend on the layout",
            )


def _near(part: Part, beside: np.ndarray, upper: bool, rng: np.random.Generator) -> np.ndarray:
    """int64 (h, w, ch): the integers `beside` the thresholds, anywhere in the range where there is none.

    Args:
        beside: int64 (h, w, ch), -NEAR .. NEAR - 1.
        upper: take the second thresholds, where there are some.
    """
    source, thresholds = part.source, part.thresholds
    at = np.ix_(thresholds.rows, thresholds.cols)
    thr = thresholds.thr[at].astype(np.int64)
    if upper and thresholds.thr2 is not None:
        thr = thresholds.thr2[at].astype(np.int64)
    low, high = np.zeros(thr.size, np.int64), np.zeros(thr.size, np.int64)
    low[source.at], high[source.at] = source.low, source.high
    low, high = low.reshape(thr.shape), high.reshape(thr.shape)
    nowhere = (thr == ALWAYS) | (thr == NEVER)
    if source.occurring is not None:
        return _among(source.occurring, thr, nowhere, beside, rng)
    anywhere = rng.integers(low, high, thr.shape, endpoint=True)
    near = thr + beside
    return np.where(nowhere, anywhere, np.clip(near, low, high))


def _among(
    occurring: np.ndarray, thr: np.ndarray, nowhere: np.ndarray, beside: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The same where few integers occur, (count, channels): of them those next to the thresholds (h, w, channels)."""
    count, channels = occurring.shape
    rank = np.stack([np.searchsorted(occurring[:, c], thr[..., c]) for c in range(channels)], axis=-1)
    rank = np.where(nowhere, rng.integers(0, count, thr.shape), rank + beside)
    return occurring[np.clip(rank, 0, count - 1), np.arange(channels)]
