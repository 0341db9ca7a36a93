# SPDX-License-Identifier: Apache-2.0
"""The captured network as lowering reads it.  Nothing here changes once it is made."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from xnorc.capture import Captured, Value, module_path
from xnorc.errors import LowerError
from xnorc.lower.graph.origins import Origins, SignFactors, find_origins, origin_of_arguments
from xnorc.lower.graph.positive_factors import positive_factors
from xnorc.lower.graph.scales import Scales
from xnorc.options import Options


@dataclass(frozen=True, eq=False)
class Graph:
    """A captured network and all that is known of it before anything is emitted.

    Attributes:
        captured, options: what is exported, and how.
        origins: for every node that depends on the image, the nodes whose integers it is made of.
        points: the origins that are bits.
        sign_factors: positive factors ahead of a sign -> the factor whose sign decides.
        scales: how large real nodes get on the calibration images.
    """

    captured: Captured
    options: Options
    origins: Origins
    points: frozenset[fx.Node]
    sign_factors: SignFactors
    scales: Scales

    @property
    def values(self) -> dict[fx.Node, Value]:
        """What capture knows of every node: a constant, a table of values, a range."""
        return self.captured.values

    @property
    def input(self) -> fx.Node:
        """The image."""
        return self.captured.input

    def where(self, node: fx.Node) -> str:
        """File, line, source text and module of a node, for messages."""
        return self.captured.where(node)

    def refuse(self, node: fx.Node, what: str, hint: str = "") -> LowerError:
        """The error to raise about a node."""
        return LowerError(self.where(node), what, hint)

    def behind(self, node: fx.Node) -> tuple[fx.Node, ...]:
        """The origins of a node's arguments: what a binarize point or a join is made of."""
        return origin_of_arguments(node, self.origins, self.sign_factors)

    def readers(self, node: fx.Node) -> list[fx.Node]:
        """The origins that an origin's values go to."""
        return [
            other
            for other in self.origins
            if self.origins[other] == (other,) and other is not node and node in self.behind(other)
        ]


def read_graph(captured: Captured, options: Options) -> Graph:
    """Find the origins of a captured network."""
    sign_factors = positive_factors(captured)
    origins, points = find_origins(captured, sign_factors)
    scales = Scales(captured, options, origins)
    return Graph(captured, options, origins, frozenset(points), sign_factors, scales)


def layer_of(node: fx.Node) -> str:
    """The module path of a node, as program nodes carry it."""
    return module_path(node) or node.name
