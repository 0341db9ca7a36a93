# SPDX-License-Identifier: Apache-2.0
"""`docs/operations.md`, printed from the table: `python -m xnorc.capture.operations.document`."""

from __future__ import annotations

import sys

from xnorc.capture.operations.conditions import Condition
from xnorc.capture.operations.row import Acts, Corners, Equality, Operation, Rule, Whole, Within
from xnorc.capture.operations.table import TABLE

HEAD = """# Operations

Printed by `python -m xnorc.capture.operations.document` from the table in `exporter/xnorc/capture/operations/`; do not
edit. Capture and lowering believe of an ATen operation what its row claims, and nothing else. Rows are per overload:
`round.default` gives whole numbers, `round.decimals` does not.

## What an operation without a row may do

It is unknown: not bounded, not monotone, not whole, and it moves nothing. One thing is taken from torch itself: an
operation that torch tags `pointwise` may be run element by element as a black box, on tables of few values and at
single elements of a chain. That is running, not reasoning.

## How to add an operation

1. Find its overload: `python -c "import torch; print(torch.ops.aten.NAME.overloads())"`, and read its schema.
2. Add a row to `elementwise.py`, `moves.py` or `many.py`, with the claims that you can prove. Where a claim needs
   something of the other arguments, say so with a condition of `conditions.py`. Leave out what you do not know.
3. Add samples to `tests/capture/operation_samples.py`: every kind of argument that decides about a claim, also those
   for which it must not be made (a negative slope, bounds in the wrong order).
4. Run `pytest tests/capture/test_operations.py`: it tries every claim on random and awkward values.
5. Print this file again.

## Words

- *interval*: how the result is bounded. "corners": it is monotone between the turns named (0 always is one), so it is
  run at the ends of its arguments' intervals and at the turns; "+ k ulp": the result may lie so far beyond.
- *monotone in*: arguments in which the result only rises or only falls, while the others stand still.
- *exact*: 0 ulp is exact, 0.5 ulp correctly rounded.
- *whole*: when the result is whole.

"""


def document() -> str:
    """The whole file."""
    words = ("operation", "interval", "monotone in", "exact", "whole", "only where")
    elementwise = [row for row in TABLE.values() if row.acts in (Acts.ELEMENTWISE, Acts.CHANNELWISE)]
    moves = [row for row in TABLE.values() if row.acts in (Acts.MOVE, Acts.JOIN)]
    many = [row for row in TABLE.values() if row.acts is Acts.MANY]
    return "".join(
        (
            HEAD,
            "## Elementwise\n\n",
            _table(words, map(_elementwise, elementwise)),
            "\n## Moves and joins\n\n",
            _table(("operation", "elements of the argument", "writes"), map(_move, moves)),
            "\n## Over many elements\n\n",
            _table(("operation", "bounded as", "only where"), map(_many, many)),
        )
    )


def _table(head: tuple[str, ...], rows: object) -> str:
    lines = [head, tuple("---" for _ in head), *rows]  # type: ignore[misc]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _name(row: Operation) -> str:
    return "`" + str(row.target).removeprefix("aten.") + "`"


def _elementwise(row: Operation) -> tuple[str, ...]:
    monotone = [claim.argument + _where(claim.given) for claim in row.monotone]
    exact = "" if row.ulps is None else f"{row.ulps:g} ulp" + _where(row.ulps_given)
    whole = "" if row.whole is Whole.NEVER else row.whole.value
    return _name(row), _interval(row), "; ".join(monotone), exact, whole, _conditions(row.when)


def _interval(row: Operation) -> str:
    rule = row.interval
    if isinstance(rule, Within):
        return f"{rule.lo:g} to {rule.hi:g}"
    if isinstance(rule, Equality):
        return "equality"
    if not isinstance(rule, Corners):
        return row.rule.value if isinstance(row.rule, Rule) else ""
    words = "corners" + (f" + {rule.ulps:g} ulp" if rule.ulps else "")
    turns = [str(turn.over) + (f" / {turn.under}" if turn.under else "") for turn in rule.turns]
    words += f", turns at {', '.join(turns)}" if turns else ""
    words += f", dips to {rule.dip:g}" if rule.dip is not None else ""
    return words + (f", pole at {rule.pole} = 0" if rule.pole else "")


def _move(row: Operation) -> tuple[str, ...]:
    how = row.moved.value if row.moved is not None else "those of several tensors, side by side"
    writes = "" if row.fill is None else (f"`{row.fill}`" if isinstance(row.fill, str) else f"{row.fill:g}")
    return _name(row), how, writes + (_where(row.fills_when) if writes else "")


def _many(row: Operation) -> tuple[str, ...]:
    return _name(row), row.rule.value if row.rule is not None else "", _conditions(row.when)


def _where(conditions: tuple[Condition, ...]) -> str:
    return f" ({_conditions(conditions)})" if conditions else ""


def _conditions(conditions: tuple[Condition, ...]) -> str:
    return ", ".join(map(str, conditions)).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(document())
