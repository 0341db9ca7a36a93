# SPDX-License-Identifier: Apache-2.0
"""A binarize point as thresholds on the integers ahead of it, searched with the model's own operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import fx

from xnorc.capture import Finite
from xnorc.lower.bits.confirm import Part, confirm
from xnorc.lower.bits.intervals import Clash, intervals
from xnorc.lower.bits.search import Flips, search, search_among
from xnorc.lower.builder import Builder
from xnorc.lower.chain.bit_reader import Reader
from xnorc.lower.chain.chain import Chain
from xnorc.lower.chain.codes import TIE
from xnorc.lower.chain.monotone import is_monotone
from xnorc.lower.graph.graph import Graph, layer_of
from xnorc.lower.graph.ops import shape_of
from xnorc.lower.graph.source import BitOfRow, Source
from xnorc.lower.layer_rows import ThresholdRow
from xnorc.lower.lowering import Lowering
from xnorc.lower.unread_places import fill_unread
from xnorc.program import ALWAYS, NEVER, Kind, Tensor, Thresholds, from_map
from xnorc.program.nodes.threshold import Threshold

WIDE = 2.0**-10  # of a range: more than the rounding of a sum


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """Where do the bits of these sites flip, and which elements of which tensor share a site?

    Attributes:
        node: the binarize point.
        source: the integers that are compared.
        codes: q int64 (K, S), shift -> int8 (K, S) of 0, 1, TIE; `shift` displaces the sum by that many times its
            noise.
        entry_at: for each site, a flat element of the source's node.
        monotone: proved to flip at most once.
        of_site: for each element, its site.
        place: for each element, its index in the tensor that is compared, (h, w, ch) order.
    """

    node: fx.Node
    source: Source
    codes: Callable[[np.ndarray, float], np.ndarray]
    entry_at: np.ndarray
    monotone: bool
    of_site: np.ndarray
    place: np.ndarray


def lower_threshold(
    lowering: Lowering, node: fx.Node, stops: tuple[fx.Node, ...], bit_of_row: BitOfRow
) -> list[tuple[Tensor, np.ndarray, np.ndarray]]:
    """Emit one Threshold for each stop that elements of a point come from.

    Returns:
        (bit tensor, elements of the point, index of each in the tensor) for each stop.
    """
    graph, builder = lowering.graph, lowering.builder
    whole = Chain(graph, node, np.arange(int(np.prod(shape_of(node)))), list(stops))
    if (whole.entry < 0).any():
        raise graph.refuse(node, "a binarized map with constant elements", "pad after the binarizer, not before it")
    made, parts = [], []
    for index, stop in enumerate(stops):
        elements = np.flatnonzero(whole.entry == index)
        source = lowering.source(stop)
        place = source.at[whole.entry_at[elements]]
        found = answer(graph, _question(graph, node, source, elements, bit_of_row))
        if found is None:
            raise graph.refuse(node, "one sum is compared with two different thresholds", "one bit of each sum")
        bits = emit_threshold(builder, layer_of(stop), source.tensor, found.thresholds)
        builder.tell(found.row, bits)
        made.append((bits, elements, place))
        parts.append(Part(source, found.thresholds))

    def bits_at(maps: list[np.ndarray]) -> np.ndarray:
        out = np.zeros(len(whole.entry), np.uint8)
        for (_, elements, place), bits in zip(made, maps, strict=True):
            out[elements] = bits.reshape(-1)[place]
        return out

    confirm(graph, node, parts, bit_of_row, bits_at)
    return made


def _question(graph: Graph, node: fx.Node, source: Source, elements: np.ndarray, bit_of_row: BitOfRow) -> Question:
    reader = Reader(graph, node, bit_of_row)
    chain = Chain(graph, node, elements, [source.node])
    of_site, sites = chain.classes([source.classes()])
    small = chain.at_sites(sites)

    def codes(q: np.ndarray, shift: float) -> np.ndarray:
        return reader(small(source.real(q, small.entry_at, shift)), elements[sites])

    return Question(
        node=node,
        source=source,
        codes=codes,
        entry_at=small.entry_at,
        monotone=is_monotone(small),
        of_site=of_site,
        place=source.at[chain.entry_at],
    )


def emit_threshold(builder: Builder, layer: str, tensor: Tensor, thresholds: Thresholds) -> Tensor:
    """A Threshold node over a whole tensor."""
    output = builder.tensor(f"{layer}_bits", tensor.shape, Kind.BIT)
    return builder.emit(Threshold(name=layer, inputs=(tensor.name,), output=output, thresholds=thresholds))


@dataclass(frozen=True, eq=False)
class Answer:
    """Thresholds for the whole tensor that is compared, and what there is to tell about them."""

    thresholds: Thresholds
    row: ThresholdRow


def answer(graph: Graph, question: Question) -> Answer | None:
    """Search, refuse what has no answer, and spread the thresholds over the map.

    Returns:
        None where two elements want different thresholds at one place.

    Raises:
        LowerError: a reachable sum ties, a site flips more than twice, or the flips of a channel do not go together.
    """
    source, node, entry_at = question.source, question.node, question.entry_at
    h, w, ch = source.tensor.shape
    channel = source.at[entry_at] % ch
    if source.occurring is None:
        flips = search(
            lambda q: question.codes(q, 0.0),
            source.low[entry_at],
            source.high[entry_at],
            question.monotone,
            lambda q: source.reachable(q, entry_at),
        )
    else:
        flips = search_among(lambda q: question.codes(q, 0.0), source.occurring, channel, question.monotone)
    _refuse_ties(graph, question, flips, channel)
    _refuse_flips(graph, node, flips, channel)
    found = intervals(flips, channel, ch)
    if isinstance(found, Clash):
        raise graph.refuse(
            node,
            f"channels {list(found.channels[:8])} flip up and down at one place, down and up at another",
            "one kind a channel",
        )
    maps = [_spread(t, question, (h, w, ch)) for t in (found.thr, found.thr2) if t is not None]
    if any(m is None for m in maps):
        return None
    return Answer(compressed(maps, found.flip), _row(graph, question, flips))


def compressed(maps: list[np.ndarray | None], flip: np.ndarray) -> Thresholds:
    """Thresholds of a whole map; the common case of one class goes without comparing every row with every other."""
    thr, thr2 = (maps[0], None) if len(maps) == 1 else maps
    assert thr is not None
    if all((m == m[:1, :1]).all() for m in (thr, thr2) if m is not None):
        rows, cols = np.zeros(thr.shape[0], np.uint8), np.zeros(thr.shape[1], np.uint8)
        first = [None if m is None else m[:1, :1].astype(np.int32) for m in (thr, thr2)]
        return Thresholds(thr=first[0], thr2=first[1], flip=np.asarray(flip, bool), rows=rows, cols=cols)  # type: ignore[arg-type]
    return from_map(thr, flip, thr2)


def _refuse_ties(graph: Graph, question: Question, flips: Flips, channel: np.ndarray) -> None:
    """A reachable 0 of an exact sum has no bit.  A rounded sum meets 0 where the model does not, which counts as above,
    but for a 0 as wide as WIDE of the range (of a `round`, a `hardshrink`): the model meets that as well."""
    source, node = question.source, question.node
    met = [tie for tie in flips.ties if source.exact or _is_wide(question, *tie)]
    if met:
        site, q = met[0]
        table = graph.values[node]
        assert isinstance(table, Finite)
        if table.tie is None:
            raise graph.refuse(
                node, f"{len(table.codes)} different values enter a binary operation", "two values: one bit"
            )
        raise graph.refuse(
            node,
            f"sign(0) is reached: the integer {q} in channel {channel[site]} of {source.tensor.name} gives exactly 0, "
            "and torch.sign(0) is neither +1 nor -1",
            "torch.where(x >= 0, 1., -1.), or a tie rule (tie=1 or tie=-1)",
        )


def _is_wide(question: Question, site: int, q: int) -> bool:
    """The tie at the integer q of a site goes on for WIDE of the range on either side."""
    low, high = (int(end[question.entry_at[site]]) for end in (question.source.low, question.source.high))
    far = max(1, int((high - low) * WIDE))
    beside = np.clip(np.array([q - far, q + far]), low, high)
    asked = np.repeat(beside[:, None], len(question.entry_at), axis=1)
    return bool((question.codes(asked, 0.0)[beside != q, site] == TIE).any())


def _refuse_flips(graph: Graph, node: fx.Node, flips: Flips, channel: np.ndarray) -> None:
    many = np.unique(channel[flips.count > 2])
    if len(many):
        shown = ", ".join(map(str, many[:8])) + (", ..." if len(many) > 8 else "")
        raise graph.refuse(
            node,
            f"the bit flips {int(flips.count.max())} times as the sum grows, in channel {shown}",
            "chains that flip at most twice",
        )


def _spread(per_site: np.ndarray, question: Question, shape: tuple[int, int, int]) -> np.ndarray | None:
    """From sites to places; None where two elements disagree about one place.  Unread places copy a neighbour."""
    flat = np.full(int(np.prod(shape)), NEVER, np.int64)
    known = np.zeros(len(flat), bool)
    per_element = per_site[question.of_site]
    flat[question.place], known[question.place] = per_element, True
    if (flat[question.place] != per_element).any():
        return None
    filled = fill_unread(flat.reshape(shape), known.reshape(shape))
    return np.asarray(np.clip(filled, ALWAYS, NEVER))


def _undecided(question: Question, flips: Flips) -> int:
    """Elements with a possible sum so close to a flip that the order of torch's float sum decides the bit."""
    source, entry_at = question.source, question.entry_at
    noisy = source.noise[entry_at] > 0
    if not noisy.any():
        return 0
    close = np.zeros(len(entry_at), bool)
    for nth in range(2):
        active = flips.count > nth
        for beside in (-1, 0):
            q = np.where(active, flips.at[:, nth] + beside, source.low[entry_at])[None]
            here = question.codes(q, 0.0)
            moved = (question.codes(q, 1.0) != here) | (question.codes(q, -1.0) != here)
            close |= (moved & active & source.reachable(q, entry_at))[0]
    return int((close & noisy)[question.of_site].sum())


def _row(graph: Graph, question: Question, flips: Flips) -> ThresholdRow:
    """The line of the layer report."""
    source = question.source
    return ThresholdRow(
        layer=layer_of(source.node),
        where=graph.where(question.node),
        elements=len(question.of_site),
        sites=len(flips.count),
        search=flips.method,
        constant=int((flips.count == 0).sum()),
        two_flips=int((flips.count == 2).sum()),
        noise=float(source.noise.max(initial=0.0)),
        undecided=_undecided(question, flips) if source.exact else None,
        exact=source.exact,
    )
