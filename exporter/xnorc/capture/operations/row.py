# SPDX-License-Identifier: Apache-2.0
"""One row of the table of operations: what is claimed of one ATen overload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch

from xnorc.capture.operations.conditions import Call, Condition


class Acts(Enum):
    """Which elements of the arguments an element of the result depends on."""

    ELEMENTWISE = "the elements at its own place (after broadcasting)"
    CHANNELWISE = "the first argument's element at its own place, the others' at its channel (axis 1)"
    MOVE = "one element of the first argument, moved; or a constant"
    JOIN = "one element of one of several tensors"
    MANY = "many elements"


class Move(Enum):
    """What a moving operation does with the elements of its argument."""

    VIEW = "every one once, in the same order"
    PERMUTE = "every one once, in another order"
    DROP = "each at most once"
    REPEAT = "every one, in order; some several times, unless the shape stays the same"
    PICK = "any of them, any number of times"


class Whole(Enum):
    """When the result holds whole numbers alone."""

    ALWAYS = "always"
    KEEPS = "where the arguments do"
    NEVER = "not known"


class Linear(Enum):
    """In which tensor arguments an operation is linear, up to rounding."""

    TOGETHER = "in all of them together"
    EACH = "in each while the others stand still"
    NEVER = "not known"


class Rule(Enum):
    """How operations over many elements are bounded; the formulas are in `xnorc.capture.infer`."""

    CONV = "sum of products, padded with 0"
    TRANSPOSED = "sum of products, some left out"
    LINEAR = "sum of products with the rows of a matrix"
    PRODUCT = "sum of products along the last axis"
    BATCH_NORM = "a scale and a shift per channel"
    MAX_POOL = "the greatest in a window"
    GREATEST = "the greatest along axes"
    PICK = "one of the elements"
    MEAN = "mean"
    PADDED_MEAN = "mean over a window that may hold zeros"
    BLEND = "weighted mean of neighbours"
    SUM = "sum"
    VARIANCE = "variance"
    DEVIATION = "square root of the variance"
    SOFTMAX = "within 0 and 1"
    LOG_SOFTMAX = "at most 0"
    NORM = "at most the sum of magnitudes"
    LAYER_NORM = "at most sqrt(n - 1) deviations, scaled and shifted"
    INDEX = "a place along an axis"
    TRUTH = "true or false"


@dataclass(frozen=True)
class Turn:
    """A place, other than 0, at which an operation may turn or jump: a number, an argument, or a quotient of two."""

    over: float | str
    under: str = ""


@dataclass(frozen=True)
class Corners:
    """Between two neighbouring turns the result is monotone in each argument while the others stand still.

    So its extremes lie at corners of the box of the arguments' intervals, cut at the turns.  A correctly rounded
    operation is monotone as its exact one is, and running it at the corners bounds it without slack.

    Attributes:
        ulps: how far the computed result may lie beyond those of the corners, in units in the last place.
        turns: further turns; 0 is always one.
        dip: where the argument may be negative, the result may be as low as this between corners.
        pole: the argument at whose 0 the result is infinite, of either sign; no interval across it.
        tame: where these conditions hold there is no pole after all.
    """

    ulps: float = 0.0
    turns: tuple[Turn, ...] = ()
    dip: float | None = None
    pole: str = ""
    tame: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Within:
    """The result lies in [lo, hi] for every finite argument, and is NaN for an infinite one."""

    lo: float
    hi: float


@dataclass(frozen=True)
class Equality:
    """True where two arguments are equal; `negated`: where they are not."""

    negated: bool = False


Interval = Corners | Within | Equality


@dataclass(frozen=True)
class Monotone:
    """In the argument of this name the result only rises, or only falls, where the conditions hold.

    The claim is about floating-point arguments: integers may wrap.  Of an element with two values anything is
    monotone, and needs no claim.
    """

    argument: str
    given: tuple[Condition, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """What is claimed of one ATen overload.  A claim that is not made is taken for false.

    Attributes:
        target: the overload.
        acts: which elements a result depends on.
        when: what all other claims need; where it does not hold, the operation is as good as unknown.
        interval: of elementwise operations, how the result is bounded.
        rule: of operations over many elements, how it is bounded.
        monotone: the arguments in which it is monotone, each with its conditions.
        linear: where it is linear, up to rounding.
        ulps: error of one element in units in the last place: 0 exact, 0.5 correctly rounded; None where not known.
        ulps_given: the error is that small only where these hold.
        whole: when the result is whole.
        keeps_nan: a NaN argument gives a NaN; otherwise it gives what the operation says when run on NaN.
        narrows: it makes few values of many: where the result is whole and its interval short, it chooses values.
        levels: all values that it can take, rising, from its constant arguments: float64, of one element or of the
            constant's shape; None where the arguments do not say.
        sign: it is sign(x), whose 0 a tie rule may turn into +1 or -1.
        wraps: on integers, results beyond the dtype's range wrap around.
        casts: only dtype or device change; other tensor arguments lend theirs, not their elements.
        same: the result is the first argument, wherever shape and dtype are its own.
        compares: "ge", "gt", "le", "lt", "eq" or "ne" for a comparison.
        moved: of moving operations, what happens to the elements.
        fill: of moving operations that write constants, the number or the name of the argument that holds it.
        fills_when: it writes constants only where these hold.
        axes: of a max pool, how many of the last axes its window has.
    """

    target: Any
    acts: Acts
    when: tuple[Condition, ...] = ()
    interval: Interval | None = None
    rule: Rule | None = None
    monotone: tuple[Monotone, ...] = ()
    linear: Linear = Linear.NEVER
    ulps: float | None = None
    ulps_given: tuple[Condition, ...] = ()
    whole: Whole = Whole.NEVER
    keeps_nan: bool = True
    narrows: bool = False
    levels: Callable[[Call], list[torch.Tensor] | None] | None = None
    sign: bool = False
    wraps: bool = False
    casts: bool = False
    same: bool = False
    compares: str = ""
    moved: Move | None = None
    fill: float | str | None = None
    fills_when: tuple[Condition, ...] = ()
    axes: int = 0

    def applies(self, call: Call) -> bool:
        """True where the conditions of the whole row hold."""
        return all(condition.holds(call) for condition in self.when)

    def is_monotone(self, call: Call, argument: str) -> bool:
        """True where the result is claimed to be monotone in that argument of the call."""
        return self.applies(call) and any(
            claim.argument == argument and all(condition.holds(call) for condition in claim.given)
            for claim in self.monotone
        )


def rows(packet: Any, overloads: str, acts: Acts, **claims: Any) -> tuple[Operation, ...]:
    """Rows of several overloads of one operation, of which the same is claimed."""
    return tuple(Operation(target=getattr(packet, name), acts=acts, **claims) for name in overloads.split())
