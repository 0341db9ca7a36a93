# SPDX-License-Identifier: Apache-2.0
"""What a convolution or linear layer reads on calibration images: the integers of its windows, sample by sample."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx
from torch.nn import functional

from xnorc.lower.dots.operand import Operand
from xnorc.lower.graph.graph import Graph
from xnorc.lower.graph.ops import argument, aten, is_call, shape_of

IMAGES = 16  # of a map; of a vector all that calibrate
ELEMENTS = 2**22  # of all windows of the images taken, about
WINDOWS = 4096  # kept of each group, evenly spread


def calibrated_windows(graph: Graph, node: fx.Node, x: Operand) -> np.ndarray | None:
    """float64 (groups, samples, inputs), inputs in the order of a weight's row; None without calibration, or where the
    padding is given by name.

    Args:
        node: conv2d or linear; x: its input.  Elements that are constants count as 0.
    """
    if graph.options.calibration is None or is_call(node, {aten.conv2d.padding}):
        return None
    shape = shape_of(x.node)
    slope = np.where(x.slope == 0, 1.0, x.slope)
    if len(shape) == 2:
        return np.asarray(np.where(x.slope == 0, 0.0, (graph.scales.samples(x.node) - x.offset) / slope))[None]
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    kernel = shape_of(weight)[2:]
    windows = shape[1] * int(np.prod(kernel)) * int(np.prod(shape_of(node)[2:]))
    values = graph.scales.samples(x.node, int(np.clip(ELEMENTS // windows, 1, IMAGES)))
    q = np.where(x.slope == 0, 0.0, (values - x.offset) / slope)
    maps = torch.from_numpy(q.reshape(len(q), *shape[1:]))
    geometry = [argument(node, name) for name in ("dilation", "padding", "stride")]
    columns = functional.unfold(maps, kernel, *(_pair(value) for value in geometry)).numpy()  # (n, inputs, places)
    groups = int(argument(node, "groups"))
    split = columns.reshape(len(q), groups, -1, columns.shape[2]).transpose(1, 0, 3, 2)
    flat = split.reshape(groups, -1, split.shape[3])
    return np.asarray(flat[:, np.unique(np.linspace(0, flat.shape[1] - 1, WINDOWS).astype(int))])


def _pair(value: int | list[int]) -> tuple[int, int]:
    both = [value] if isinstance(value, int) else value
    return both[0], both[-1]
