# SPDX-License-Identifier: Apache-2.0
"""Sums of integer convolutions in int16, where all that is made of them is rounded anyway.

All bits of a stem's sums matter to a threshold searched exactly.  A threshold that is computed from the image is itself
rounded, and to more than 2^-16 of what the sums reach; the map that waits for it then takes half the memory, and the
kernels that sum and compare it take int16.  What saturates lies beyond all of the calibration images, where thresholds
are not.  A stencil of real weights (LAB) reads int16 in any case: sums with a scale for each channel are finer than a
stream, which has one.
"""

from __future__ import annotations

import numpy as np
from torch import fx

from xnorc.lower.chain.comparison import dynamic_comparison
from xnorc.lower.dots.geometry import output_channel
from xnorc.lower.dots.real_weights import takes_wide_taps
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import AVERAGES, DOTS, is_call, shape_of
from xnorc.lower.graph.scales import HEADROOM, LIMIT16
from xnorc.lower.graph.source import canonical
from xnorc.lower.lowering import Lowering
from xnorc.lower.streams.affine import emit_affine
from xnorc.program import Kind, Tensor


def only_rounded(graph: Graph, node: fx.Node) -> bool:
    """True where all that reads the values of a dot are stencils, or comparisons with thresholds that are computed from
    the image, and the channel averages that these are made of."""
    compared: dict[fx.Node, fx.Node] = {}  # what compares -> the origin of the map
    for point in graph.points:
        found = dynamic_comparison(graph, point, graph.behind(point))
        if found is not None and len(graph.origins[found.compared]) == 1:
            compared[found.end] = graph.origins[found.compared][0]
    readers = graph.readers(node)
    mine = [reader for reader in readers if compared.get(reader) is node or _is_wide_stencil(graph, reader)]
    return bool(mine) and all(reader in mine or is_call(reader, AVERAGES) for reader in readers)


def _is_wide_stencil(graph: Graph, node: fx.Node) -> bool:
    return is_call(node, DOTS) and takes_wide_taps(graph, node, Kind.I16)


def narrowed(
    lowering: Lowering, node: fx.Node, sums: Tensor, scale: np.ndarray, offset: np.ndarray, reach: int
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Emit q' = round((q - middle[c]) * ratio[c]), which fills int16 over the calibration images, with headroom.

    Args:
        sums: int32 q, |q| <= reach.
        scale, offset: float64 (elements,), element e of `node` is scale[e] * q + offset[e].

    Returns:
        (the int16 tensor, scale, offset of what it holds)
    """
    graph = lowering.graph
    channel = output_channel(node)
    least, most = np.full(sums.shape[2], np.inf), np.full(sums.shape[2], -np.inf)
    for real in graph.scales.one_by_one(node):
        q = (real - offset) / scale
        np.minimum.at(least, channel, q)
        np.maximum.at(most, channel, q)
    middle = np.rint((least + most) / 2)
    ratio = np.minimum(1.0, LIMIT16 / np.maximum((most - least) / 2 * HEADROOM, 1.0))  # a ratio of 1 rounds nothing
    slope, start = ratio[channel], -(middle * ratio)[channel]
    at, name = canonical(shape_of(node)), f"{sums.name}_16"
    limits = (-LIMIT16, LIMIT16)
    output = emit_affine(lowering, node, sums, at, slope, start, Kind.I16, 1.0, limits, reach, name)
    return output, scale / slope, offset + scale * middle[channel]
