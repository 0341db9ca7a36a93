# SPDX-License-Identifier: Apache-2.0
"""How large real values get, from the user's calibration images, and the scales of streams made from that.

Streams that meet in residual adds share one scale, so that an add is one integer add.  int16 leaves room: the
scale puts HEADROOM times the greatest calibrated magnitude at the int16 limit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import fx

from xnorc.capture import Captured, Range, run
from xnorc.errors import LowerError
from xnorc.lower.graph.ops import is_elementwise, shape_of, short_name
from xnorc.lower.graph.origins import Origins
from xnorc.lower.graph.pixels import images_to_float
from xnorc.options import Options

LIMIT16, LIMIT8 = 32767, 127
HEADROOM = 1.25
VECTOR = 4096  # elements up to which the values of a node are kept
IMAGES = 128  # of the calibration set, evenly spread


class Scales:
    """Magnitudes of real nodes, and the groups of nodes that share a scale."""

    def __init__(self, captured: Captured, options: Options, known: Origins) -> None:
        self.captured, self.options, self.known = captured, options, known
        self._magnitude: dict[fx.Node, float] | None = None
        self._vectors: dict[fx.Node, list[np.ndarray]] = {}
        self._group: dict[fx.Node, fx.Node] = {}
        self._held: set[fx.Node] = set()  # what becomes a stream at its group's scale: joins and what they add
        for node in known:
            if is_join(node, known) and len({shape_of(operand) for operand in _real_arguments(node, known)}) == 1:
                self._held.add(node)
                for operand in _real_arguments(node, known):
                    self._held.add(operand)
                    self._unite(node, operand)
                    if len(known[operand]) == 1:
                        # Only a link to the next join up the way: the sums of a dot behind a batch norm, say, are held
                        # in no stream, and count only where they are added themselves.
                        self._unite(node, known[operand][0])

    def magnitude(self, node: fx.Node) -> float:
        """Greatest magnitude (or the percentile asked for) of a node over the calibration images."""
        if self._magnitude is None:
            self._magnitude = self._measure(node)
        return self._magnitude[node]

    def vectors(self, node: fx.Node) -> np.ndarray:
        """float64 (images, elements): a small node's own values over the calibration images."""
        self.magnitude(node)
        return np.stack(self._vectors[node])

    def samples(self, node: fx.Node, count: int = IMAGES) -> np.ndarray:
        """float64 (images, elements): a node's values over up to `count` calibration images."""
        return np.stack(list(self.one_by_one(node, count)))

    def one_by_one(self, node: fx.Node, count: int = IMAGES) -> Iterator[np.ndarray]:
        """The rows of `samples`, each made when it is asked for."""
        data = self._data(node)
        for i in _spread(len(data), count):
            real = images_to_float(data[i : i + 1], self.captured.example, self.options)
            value = run(self.captured.graph, {self.captured.input: real}, [node])[node]
            yield value.detach().double().reshape(-1).numpy()

    def reach(self, node: fx.Node) -> float:
        """A magnitude to ask a chain at: calibrated, or the proved bound where there is no data."""
        value = self.captured.values.get(node)
        if self.options.calibration is None and isinstance(value, Range) and value.finite:
            return max(abs(value.lo), abs(value.hi))
        return self.magnitude(node) if node.meta["val"].is_floating_point() else 1.0

    def has_reach(self, node: fx.Node) -> bool:
        """Whether `reach` is known: there are calibration images, or a proved bound, or no real values."""
        value = self.captured.values.get(node)
        bounded = isinstance(value, Range) and value.finite
        return self.options.calibration is not None or bounded or not node.meta["val"].is_floating_point()

    def needs_data(self, node: fx.Node) -> LowerError:
        """The error to raise where the size of a node's values is not known."""
        return LowerError(
            self.captured.where(node),
            "real values become integers here, whose scale needs data",
            "give calibration images: calibration=x_train[:256], --data of `xnorc export`",
        )

    def int16(self, node: fx.Node) -> float:
        """The scale of an int16 stream for a node, shared by its group: room for the largest of all sums and sides.

        A shortcut may be larger than the sum that it goes into (the other side takes some of it back), be it a
        convolution, a pool or a join of its own.
        """
        root = self._root(node)
        held = [n for n in self._held if self._root(n) is root]
        most = max(self.magnitude(n) for n in (node, *held))
        return (most or 1.0) * HEADROOM / LIMIT16

    def _measure(self, asked: fx.Node) -> dict[fx.Node, float]:
        data = self._data(asked)
        picks = _spread(len(data), IMAGES)
        nodes = [
            n for n in self.known if isinstance(n.meta.get("val"), torch.Tensor) and n.meta["val"].is_floating_point()
        ]
        seen: dict[fx.Node, list[float]] = {n: [] for n in nodes}
        for i in picks:
            real = images_to_float(data[i : i + 1], self.captured.example, self.options)
            for node, value in run(self.captured.graph, {self.captured.input: real}, nodes).items():
                seen[node].append(self._size(value))
                if value.numel() <= VECTOR:
                    self._vectors.setdefault(node, []).append(value.detach().double().reshape(-1).numpy().copy())
        return {node: max(sizes) for node, sizes in seen.items()}

    def _data(self, asked: fx.Node) -> np.ndarray:
        """The calibration images; refuses where `asked` needs some and there are none."""
        if self.options.calibration is None:
            raise self.needs_data(asked)
        return self.options.calibration

    def _size(self, value: torch.Tensor) -> float:
        flat = value.detach().abs().reshape(-1).double()
        if self.options.percentile >= 100.0:
            return float(flat.max())
        return float(torch.quantile(flat, self.options.percentile / 100.0))

    def _root(self, node: fx.Node) -> fx.Node:
        while self._group.get(node, node) is not node:
            node = self._group[node]
        return node

    def _unite(self, a: fx.Node, b: fx.Node) -> None:
        self._group.setdefault(a, a)
        self._group.setdefault(b, b)
        self._group[self._root(b)] = self._root(a)


def _spread(total: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))


def is_join(node: fx.Node, known: Origins) -> bool:
    """An elementwise operation on two different origins: it became an origin itself."""
    return known.get(node) == (node,) and is_elementwise(node) and short_name(node) in ("add", "sub")


def _real_arguments(node: fx.Node, known: Origins) -> list[fx.Node]:
    return [n for n in node.all_input_nodes if n in known]
