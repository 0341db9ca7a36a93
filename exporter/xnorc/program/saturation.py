# SPDX-License-Identifier: Apache-2.0
"""What a program clips that the network does not: values beyond what an integer tensor can hold.

A stream's scale comes from calibration; what lies beyond it saturates, and nothing else shows it.  A limit that is
tighter than the tensor's kind is the network's own (a ReLU, a Hardtanh) and clips nothing in this sense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.program.node import Node
from xnorc.program.program import Program


@dataclass(frozen=True)
class Saturation:
    """What one tensor clipped over some images.

    Attributes:
        layer: module path; tensor: its name.
        elements: over all images.
        clipped: of these, beyond the limits.
        excess: the greatest magnitude that was clipped, in units of the limit (1.25: a quarter beyond); 0 for none.
    """

    layer: str
    tensor: str
    elements: int
    clipped: int
    excess: float

    def __str__(self) -> str:
        share = 100 * self.clipped / self.elements
        return (
            f"{self.layer}: {self.tensor} clips {self.clipped:,} of {self.elements:,} values ({share:.2g} %), "
            f"the greatest {self.excess:.3g} times what it holds"
        )


def saturation_of(node: Node, arrays: tuple[np.ndarray, ...]) -> Saturation | None:
    """What `node` clips of its inputs (N, h, w, ch); None for a node that never saturates."""
    ends = _limits(node)
    if ends is None:
        return None
    wide = node.unclamped(*arrays)
    if wide is None:
        return None
    most = node.output.kind.range[1]  # -32767 holds as much as 32767 does; -32768 is one unit more
    over, under = wide > ends[1] if ends[1] == most else None, wide < ends[0] if ends[0] <= -most else None
    beyond = [wide[mask] for mask in (over, under) if mask is not None]
    count = sum(len(values) for values in beyond)
    excess = max((float(np.abs(values).max()) for values in beyond if len(values)), default=0.0) / most
    return Saturation(node.name, node.output.name, wide.size, count, excess)


def saturation(program: Program, x: np.ndarray, batch: int = 16) -> tuple[Saturation, ...]:
    """What each node of the program that can saturate clips over x uint8 (N, h, w, ch), in program order."""
    found: dict[str, Saturation] = {}
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        known = {program.input.name: part}
        last = {name: i for i, node in enumerate(program.nodes) for name in node.inputs}
        for i, node in enumerate(program.nodes):
            arrays = tuple(known[name] for name in node.inputs)
            seen = saturation_of(node, arrays)
            if seen is not None:
                found[seen.tensor] = _added(found.get(seen.tensor), seen)
            known[node.output.name] = node.run(*arrays)
            for name in node.inputs:
                if last[name] == i:
                    known.pop(name, None)
    return tuple(found.values())


def _added(before: Saturation | None, now: Saturation) -> Saturation:
    if before is None:
        return now
    return Saturation(
        now.layer,
        now.tensor,
        before.elements + now.elements,
        before.clipped + now.clipped,
        max(before.excess, now.excess),
    )


def _limits(node: Node) -> tuple[int, int] | None:
    """(low, high) of a node that clamps, or of its epilogue."""
    holder = getattr(node, "requant", None) or node
    low, high = getattr(holder, "low", None), getattr(holder, "high", None)
    return None if low is None or high is None else (int(low), int(high))
