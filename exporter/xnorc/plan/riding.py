# SPDX-License-Identifier: Apache-2.0
"""Channel sums that are kept while a map is written: which SumPool2d rides on which earlier node.

In: a program and a kernel for each of its nodes.  Out: the same kernels, but a SumPool2d over a whole map has none and
the node that writes this map has the carrier of its kernel, which writes the sums as well.  The program stays as it is:
the sums are the SumPool2d's output, only earlier.

A kernel offers a carrier where it saves instructions against `bnn_sumpool2d_whole` on some core and loses less
than two a value on the others (tests/bench/kernels.py counts both: Affine from i32 loses on ARMv7-M, Add on ARMv6-M).
Convolutions have none: sums in memory, loaded and stored for every value, cost more than the second pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from xnorc.plan.kernel import Kernel
from xnorc.plan.layout import Struct
from xnorc.program import Program, Tensor
from xnorc.program.nodes.sumpool2d import SumPool2d

NOTHING = Kernel(function="", build=lambda: Struct("", ()))  # of a node whose output another has written


def riders(program: Program, kernels: Sequence[Kernel]) -> dict[int, int]:
    """Node index of each SumPool2d that rides -> index of the node that writes its input and its output.

    A node carries one: the first that reads its output.  `kernels` are those of the nodes, in order.
    """
    known = program.tensors
    writer = {node.output.name: t for t, node in enumerate(program.nodes)}
    found: dict[int, int] = {}
    for t, node in enumerate(program.nodes):
        if not isinstance(node, SumPool2d) or not sums_channels(node, known[node.inputs[0]]):
            continue
        by = writer.get(node.inputs[0])
        if by is not None and by not in found.values() and kernels[by].carrier(node.output.kind) is not None:
            found[t] = by
    return found


def seated(program: Program, kernels: Sequence[Kernel], found: dict[int, int]) -> list[Kernel]:
    """The kernels once every rider in `found` rides."""
    seats = list(kernels)
    for rider, by in found.items():
        seats[by] = kernels[by].carrier(program.nodes[rider].output.kind) or kernels[by]
        seats[rider] = NOTHING
    return seats


def sums_channels(pool: SumPool2d, source: Tensor) -> bool:
    """Whether the pool has one window that is exactly the whole map."""
    window, (h, w, _) = pool.window, source.shape
    pads = (window.pad_top, window.pad_left, window.pad_bottom, window.pad_right)
    dilated = (window.kh > 1 and window.dilation_h > 1) or (window.kw > 1 and window.dilation_w > 1)
    return (window.kh, window.kw) == (h, w) and not any(pads) and not dilated
