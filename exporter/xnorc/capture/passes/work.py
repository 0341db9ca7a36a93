# SPDX-License-Identifier: Apache-2.0
"""What a pass works on: the graph, what the user allows, and the lines it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import fx

from xnorc.capture.values import Range


@dataclass
class Work:
    """State shared by the passes of one capture.

    Attributes:
        gm: the graph, changed in place.
        image: what is assumed of the input's elements.
        tie: +1 or -1, what sign(0) shall mean where a bit is needed, or None.
        proofs: one line per cancelled straight-through form.
        notes: one line per assumption.
        moved: names of passes that changed the logits of an input and may: a cancellation with a bound, a tie rule.
        delta: bound on how far the cancellations so far may have moved any one binarized element; 0 while all are
        exact.
    """

    gm: fx.GraphModule
    image: Range
    tie: int | None = None
    proofs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    delta: float = 0.0

    def note(self, line: str) -> None:
        """Adds a line once."""
        if line not in self.notes:
            self.notes.append(line)
