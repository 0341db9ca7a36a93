# SPDX-License-Identifier: Apache-2.0
"""A chain of the model's own operations, run at single elements instead of whole maps.

Between a sum and the bit made of it lie elementwise operations (scale, bias, batch norm, clip, PReLU, a dither
tile) and operations that only move elements.  Every element of the end therefore depends on one element of the
entry and on the constants met on its way.  `Chain` follows each wanted element back to its entry element, gathers
those constants, and then runs the operations on arrays (K, S): K trial values of the entry at S *sites*.  Places
whose constants agree share a site, so a map of 64x32x32 costs no more than its 64 channels, and a dither tile is
found without being looked for.

Elementwise IEEE operations give the same bits in any layout; `bits/confirm.py` checks it on the model's own shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import fx

from xnorc.capture import Const
from xnorc.capture.operations import fill_of, is_channelwise
from xnorc.errors import Fault, LowerError
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import (
    aten,
    dtype_of,
    is_call,
    is_cast,
    is_cat,
    is_elementwise,
    is_moving,
    shape_of,
)
from xnorc.lower.graph.positions import FILL, broadcast_from, joined_from, moved_from


@dataclass(eq=False)
class Step:
    """One operation at the sites that need it.

    Attributes:
        node: the operation; the entry itself where `args` is None.
        sites: indices of the sites this step serves.
        run: from the argument arrays (K, len(sites)) to the result.
        args: the steps it reads.
    """

    node: fx.Node
    sites: np.ndarray
    run: Callable[..., torch.Tensor] | None
    args: list[Step] = field(default_factory=list)


class Chain:
    """The way from entry elements to elements of `end`.

    `Chain(...)` raises LowerError where an element depends on two elements of the stops, or on an operation that is not
    elementwise; `Chain.tried(...)` returns that error instead.

    Attributes:
        end: the node whose elements are wanted.
        at: for each site, the flat element of the end.
        stops: the nodes at which the way ends.
        entry: for each site, which of `stops` its entry is (index), -1 where the element is a constant.
        entry_at: for each site, the flat element of that stop.
        path: the operations met, nearest to the end first.
    """

    def __init__(self, graph: Graph, end: fx.Node, at: np.ndarray, stops: list[fx.Node]) -> None:
        refusal = self._follow(graph, end, at, stops)
        if refusal is not None:
            raise refusal

    @classmethod
    def tried(cls, graph: Graph, end: fx.Node, at: np.ndarray, stops: list[fx.Node]) -> Chain | LowerError:
        """The chain, or why there is none."""
        chain = cls.__new__(cls)
        refusal = chain._follow(graph, end, at, stops)
        return chain if refusal is None else refusal

    def _follow(self, graph: Graph, end: fx.Node, at: np.ndarray, stops: list[fx.Node]) -> LowerError | None:
        self.graph, self.end, self.stops = graph, end, stops
        self.values = graph.values
        self.entry = np.full(len(at), -1, np.int64)
        self.entry_at = np.full(len(at), -1, np.int64)
        self.constants: list[tuple[torch.Tensor, np.ndarray]] = []
        self.path: list[fx.Node] = []
        self._refusal: LowerError | None = None
        self._made: dict[tuple[fx.Node, bytes, bytes], Step] = {}
        self.at = at
        self._last = self._build(end, np.asarray(at, np.int64), np.arange(len(at)))
        return self._refusal

    # -- following elements back ---------------------------------------------------------------------------------

    def _build(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        key = (node, at.tobytes(), sites.tobytes())
        if key not in self._made:
            self._made[key] = self._make(node, at, sites)
        return self._made[key]

    def _make(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        value = self.values.get(node)
        if node in self.stops:
            return self._enter(node, at, sites)
        if isinstance(value, Const):
            return self._constant(value.tensor, at, sites, node)
        if node in self.graph.sign_factors:
            return self._build(self.graph.sign_factors[node], at, sites)
        if node not in self.path:
            self.path.append(node)
        if is_moving(node):
            return self._moving(node, at, sites)
        if is_cat(node):
            return self._cat(node, at, sites)
        if is_elementwise(node):
            return self._elementwise(node, at, sites)
        return self._refused(
            node,
            sites,
            f"{node.target} stands between a sum and the value made of it, and is not elementwise",
            "elementwise operations, batch norm, pools and moves of elements",
        )

    def _refused(self, node: fx.Node, sites: np.ndarray, what: str, hint: str) -> Step:
        """Remember the first thing that stands in the way; the step that is returned is never run."""
        self._refusal = self._refusal or self.graph.refuse(node, what, hint)
        return Step(node, sites, None)

    def _enter(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        stop = self.stops.index(node)
        fresh = self.entry[sites] < 0
        same = (self.entry[sites] == stop) & (self.entry_at[sites] == at)
        if not (fresh | same).all():
            return self._refused(
                self.end,
                sites,
                "an element depends on two elements of a map (or on two maps)",
                "elementwise chains from one sum to one value",
            )
        self.entry[sites], self.entry_at[sites] = stop, at
        return Step(node, sites, None)

    def _constant(self, tensor: torch.Tensor, at: np.ndarray, sites: np.ndarray, node: fx.Node) -> Step:
        flat = tensor.reshape(-1)
        picked = flat[torch.from_numpy(at)] if flat.numel() > 1 else flat
        if tensor.ndim == 0:
            picked = tensor  # a 0-dim tensor weighs less in type promotion: keep it one
        elif flat.numel() > 1:
            self.constants.append((picked, sites))
        return Step(node, sites, lambda: picked)

    def _moving(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        source, moved = moved_from(node, self.values)
        came = moved[at]
        inside = came != FILL
        if inside.all():
            return self._build(source, came, sites)
        number = fill_of(node)
        if number is None:
            raise Fault(
                self.graph.captured.where(node), f"{node.target} writes elements that its argument does not have"
            )
        filler = torch.tensor([number], dtype=dtype_of(node))
        # Sites in the pad get its constant, the others go on.  Which is which counts as a constant that was met: a pad
        # of 0.5 and an entry that happens to be scaled alike are two questions.
        parts = [Step(node, sites[~inside], lambda: filler)]
        if inside.any():
            parts.append(self._build(source, came[inside], sites[inside]))
        self.constants.append((torch.from_numpy(inside.astype(np.int64)), sites))
        return _merged(node, sites, parts)

    def _cat(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        parts = []
        for part, moved in joined_from(node):
            came = moved[at]
            mine = came != FILL
            if mine.any():
                parts.append(self._build(part, came[mine], sites[mine]))
        return parts[0] if len(parts) == 1 else _merged(node, sites, parts)

    def _elementwise(self, node: fx.Node, at: np.ndarray, sites: np.ndarray) -> Step:
        shape = shape_of(node)
        channel = np.unravel_index(at, shape)[1] if len(shape) > 1 else np.zeros_like(at)
        args: list[Step] = []
        slots: list[fx.Node] = []

        # Each argument is followed at the element that this element reads: the same place after broadcasting, or, for
        # the parameters of a batch norm or PReLU, the element of its channel.
        def wanted(n: fx.Node) -> fx.Node:
            if n not in slots:
                parameter = n is not node.args[0] and is_channelwise(node)
                if parameter:
                    index = channel if int(np.prod(shape_of(n))) > 1 else np.zeros_like(at)
                else:
                    index = broadcast_from(shape_of(n), shape)[at]
                slots.append(n)
                args.append(self._build(n, index, sites))
            return n

        if is_cast(node):
            first = node.args[0]
            assert isinstance(first, fx.Node)
            wanted(first)
            dtype = dtype_of(node)
            return Step(node, sites, lambda x: x.to(dtype), args)
        fx.node.map_arg((node.args, dict(node.kwargs)), wanted)

        def run(*arrays: torch.Tensor) -> torch.Tensor:
            picks = dict(zip(slots, arrays, strict=True))
            full, keywords = fx.node.map_arg((node.args, dict(node.kwargs)), lambda n: picks[n])
            return _apply(node, full, keywords, len(sites))

        return Step(node, sites, run, args)

    # -- sites that ask the same question -----------------------------------------------------------------------

    def classes(self, entry_class: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(class of each site, a representative site of each class).

        Two sites are of one class when they meet the same constants and their entries are of one class;
        `entry_class[i]` numbers the flat elements of stop i.
        """
        # Every question that two sites may answer differently is a column of numbers; `ids` numbers the distinct rows
        # seen so far.  The columns are: which stop the entry belongs to and its class there; then for each constant
        # tensor on the way the value that the site picked of it (0 where the site does not pass by).
        ids = self.entry.copy()
        for stop, classes in enumerate(entry_class):
            mine = self.entry == stop
            ids[mine] = _combine(ids[mine], classes[self.entry_at[mine]]) * len(entry_class) + stop
        for tensor, sites in self.constants:
            bits = tensor.to(torch.float64).numpy().view(np.int64)  # by bit pattern: -0.0 is not 0.0
            if len(sites) == len(ids) and bool((bits == bits[0]).all()):
                continue  # the same for all: it tells none apart
            column = np.zeros(len(ids), np.int64)
            column[sites] = np.unique(bits, return_inverse=True)[1].reshape(-1) + 1
            ids = _combine(ids, column)
        # Number the classes in the order in which they appear, so that the same network always gives the same bytes.
        _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rank[inverse.reshape(-1)], first[order]

    def at_sites(self, sites: np.ndarray) -> Chain:
        """The same chain for some of the sites."""
        return Chain(self.graph, self.end, self.at[sites], self.stops)

    # -- running ------------------------------------------------------------------------------------------------

    def __call__(self, entry: torch.Tensor) -> torch.Tensor:
        """entry (K, S): a value of each site's entry element -> (K, S) values of the end."""
        done: dict[int, torch.Tensor] = {}
        return _evaluate(self._last, entry, done).expand(entry.shape[0], -1)


def _combine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number the distinct pairs."""
    pair = np.unique(a, return_inverse=True)[1].reshape(-1) * (int(b.max(initial=0)) + 1) + b
    return np.asarray(np.unique(pair, return_inverse=True)[1].reshape(-1))


def _merged(node: fx.Node, sites: np.ndarray, parts: list[Step]) -> Step:
    place = {int(s): i for i, s in enumerate(sites)}
    columns = [torch.tensor([place[int(s)] for s in part.sites]) for part in parts]

    def run(*arrays: torch.Tensor) -> torch.Tensor:
        rows = max(a.shape[0] if a.ndim == 2 else 1 for a in arrays)
        out = torch.empty(rows, len(sites), dtype=arrays[-1].dtype)
        for column, array in zip(columns, arrays, strict=True):
            out[:, column] = array.expand(rows, len(column)).to(out.dtype)
        return out

    return Step(node, sites, run, parts)


def _evaluate(step: Step, entry: torch.Tensor, done: dict[int, torch.Tensor]) -> torch.Tensor:
    if id(step) not in done:
        if step.run is None:
            whole = len(step.sites) == entry.shape[1]
            done[id(step)] = entry if whole else entry[:, torch.from_numpy(step.sites)]
        else:
            done[id(step)] = step.run(*(_evaluate(arg, entry, done) for arg in step.args))
    return done[id(step)]


def _apply(node: fx.Node, args: Any, kwargs: Any, sites: int) -> torch.Tensor:
    """Run an elementwise operation on (K, S) arrays; per-channel parameters have become per-site ones."""
    if is_channelwise(node):
        x, *rest = args
        rest = [r.expand(sites) if isinstance(r, torch.Tensor) else r for r in rest]
        if x.ndim == 1:
            x = x[None]
        if is_call(node, {aten.batch_norm.default}):
            weight, bias, mean, var, _, _, eps, _ = rest
            return torch.nn.functional.batch_norm(x.expand(-1, sites), mean, var, weight, bias, False, 0.0, eps)
        return node.target(x.expand(-1, sites), *rest, **kwargs)  # type: ignore[operator]
    result = node.target(*args, **kwargs)  # type: ignore[operator]
    assert isinstance(result, torch.Tensor)
    return result
