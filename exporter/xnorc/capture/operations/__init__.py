# SPDX-License-Identifier: Apache-2.0
"""The one table of operations: what xnorc believes of each ATen overload, and nothing is believed of the others.

Capture proves with it and lowering moves and searches with it, so a wrong row is a wrong program.
`tests/capture/test_operations.py` tries every claim of every row; `docs/operations.md` is printed from the table and
says how to add a row.

An operation without a row is unknown: it is not monotone, not whole, not bounded, and moves nothing.  The one thing
taken from torch itself is its tag `pointwise`: an operation that has it may be *run* element by element, as a black
box, on tables of few values and at single elements of a chain.
"""

from __future__ import annotations

from xnorc.capture.operations.conditions import Call
from xnorc.capture.operations.row import (
    Acts,
    Corners,
    Equality,
    Linear,
    Monotone,
    Move,
    Operation,
    Rule,
    Whole,
    Within,
)
from xnorc.capture.operations.table import (
    TABLE,
    fill_of,
    is_channelwise,
    is_dot,
    is_elementwise,
    is_join,
    is_moving,
    is_pool,
    operation,
    with_fill,
)

__all__ = [
    "TABLE",
    "Acts",
    "Call",
    "Corners",
    "Equality",
    "Linear",
    "Monotone",
    "Move",
    "Operation",
    "Rule",
    "Whole",
    "Within",
    "fill_of",
    "is_channelwise",
    "is_dot",
    "is_elementwise",
    "is_join",
    "is_moving",
    "is_pool",
    "operation",
    "with_fill",
]
