# SPDX-License-Identifier: Apache-2.0
"""Is the program the network?

A network is refused in one line, or all of this holds:

- C under sanitizers gives numpy's bits in every tensor;
- the program gives the labels and the order of logits of the *untouched module*, in eager PyTorch, where nothing is
  rounded (`Lowered.exact`).  Where it does not, PyTorch's own rounding must explain it: with its sums made exact no bit
  differs, and a copy of the module in float64 sides with the program;
- every tensor is what PyTorch makes of the program's *own* values one step before it (`steps.py`), up to a bound that
  is derived there.  This holds rounded networks, for which no end-to-end bound is sharp;
- the captured graph gives the untouched module's logits;
- `xnorc.export` makes this very program (of one network in EXPORTED: its own judge costs as much again).

Anything raised that is no XnorcError is a finding.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xnorc.capture import capture, run
from xnorc.errors import XnorcError
from xnorc.exporting import export
from xnorc.lower import PASSES, Lowered
from xnorc.options import Options
from xnorc.oracle.compare import compare
from xnorc.program import digest

from .native import c_differs
from .network import Network
from .recipe import Recipe
from .steps import steps_differ, unfused

# Two float32 results of one sum of up to 2^12 terms, added in different orders, differ by some 2^-17 of its greatest.
NOISE = 2.0**-17


EXPORTED = 8  # of so many networks one goes through the whole of `xnorc.export`


@dataclass(frozen=True)
class Outcome:
    """What came of a network.

    Attributes:
        status: `exact`, `rounded`, `refused` or `finding`.
        reason: of a refusal or a finding, numbers and names taken out, so that equal reasons are equal.
        detail: the whole story.
    """

    status: str
    reason: str = ""
    detail: str = ""


def judge(made: Network, out: Path) -> Outcome:
    """Export, compare, compile, compare."""
    try:
        lowered, step = _lower(made)
    except XnorcError as error:
        return Outcome("refused", plain(error.what), f"{error}")
    except Exception as error:
        return Outcome("finding", _where(error), traceback.format_exc())
    try:
        wrong = _differences(made, lowered, step, out)
    except Exception as error:
        return Outcome("finding", _where(error), traceback.format_exc())
    if not wrong and made.recipe.seed % EXPORTED == 0:
        try:
            wrong = _exported(made, lowered)
        except Exception as error:
            return Outcome("finding", _where(error), traceback.format_exc())
    if wrong:
        reason = ": ".join(wrong[0].split(": ")[: 2 if wrong[0].startswith("export") else 1])
        return Outcome("finding", plain(reason), "\n".join(wrong))
    return Outcome("exact" if lowered.exact else "rounded")


def _exported(made: Network, lowered: Lowered) -> list[str]:
    """`xnorc.export` makes the same program, and its own judge has nothing against it."""
    try:
        program = export(made.module, made.float_images()[:1], name="net", **options_of(made))
    except XnorcError as error:
        return [f"export refuses what holds: {plain(error.what)}: {error}"]
    same = digest(program) == digest(lowered.program)
    return [] if same else ["export makes another program than capture and lower do"]


def plain(text: str) -> str:
    """Numbers and names of layers taken out."""
    text = re.sub(r"\[[^]]*\]|\([^)]*\)|'[^']*'", "~", text)
    text = re.sub(r"\b(w|norm|conv|fc|bin|stem|prelu|t)_?\d\w*|\b\w+_(bits|sum|sums|stream)\w*", "<layer>", text)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?|\binf\b", "N", text)[:160]


def _where(error: Exception) -> str:
    last = [f for f in traceback.extract_tb(error.__traceback__) if "xnorc" in f.filename or "fuzz" in f.filename][-1]
    return f"{type(error).__name__} at {Path(last.filename).name} in {last.name}: {plain(str(error))}"


def options_of(made: Network) -> dict[str, Any]:
    """What `Options.of` takes."""
    recipe = made.recipe
    return {
        "calibration": made.x, "mean": recipe.mean or None, "std": recipe.std or None, "tie": recipe.tie or None,
        "weight_bits": recipe.weight_bits or None,
    }  # fmt: skip


def _lower(made: Network) -> tuple[Lowered, Lowered]:
    """What `xnorc.export` makes, and the same before the passes over the program."""
    example = made.float_images()[:1]
    options = Options.of(example.shape, options_of(made))
    step = unfused(capture(made.module, example, tie=options.tie), options, "net")
    program = step.program
    for tidy in PASSES:
        program = tidy(program)
        program.verify()
    return replace(step, program=program), step


def _differences(made: Network, lowered: Lowered, step: Lowered, out: Path) -> list[str]:
    found = c_differs(lowered.program, made.x, out)
    wrong = [found] if found else []
    sides = _sides(made, torch.float32)
    captured, exact_sums = _captured(made, lowered)
    ours = lowered.program.run(made.x)
    ours = ours.reshape(len(ours), -1)
    noisy = sides.unlike(captured, NOISE * 8)  # images on which float32 sums in another order give other bits
    off = np.intersect1d(noisy, _sides(made, torch.float64).unlike(exact_sums, 1e-3)) if noisy.size else noisy
    if off.size:
        wrong.append(f"the captured graph differs from the module: images {off.tolist()}")
    if lowered.exact:
        wrong += _exact(made, lowered, ours, sides, noisy)
    loose = step.program.run(made.x).reshape(len(made.x), -1)
    if not np.array_equal(loose, ours):
        wrong.append("the passes over the program change its logits")
    return wrong + steps_differ(step, made.x)


def _captured(made: Network, lowered: Lowered) -> tuple[np.ndarray, np.ndarray]:
    """Logits of the captured graph: as PyTorch sums them, and with its sums made exact."""
    graph = lowered.captured
    sums = {s.node: s.nearest for s in lowered.sources if s.is_rounded_sum}
    both = []
    for instead in ({}, sums):
        rows = [
            run(graph.graph, {graph.input: real[None]}, [graph.logits], instead)[graph.logits]
            for real in made.float_images()
        ]
        both.append(np.concatenate([row.reshape(1, -1).double().numpy() for row in rows]))
    return both[0], both[1]


@dataclass(frozen=True)
class _Sides:
    """What the module answers, (N, classes), for each meaning that sign(0) may have.

    A tie rule is for signs whose 0 would be a third value of a bit; others keep their 0.  So with a rule, an image of
    which some sign meets 0 may be answered either way, and if both kinds are met (`mixed`) it says nothing.
    """

    answers: tuple[np.ndarray, ...]
    mixed: np.ndarray

    def unlike(self, theirs: np.ndarray, relative: float) -> np.ndarray:
        """Images whose logits differ by more than this share of the greatest logit."""
        reach = np.abs(self.answers[0]).max() or 1.0
        off = [np.abs(mine - theirs).max(1) > relative * reach for mine in self.answers]
        return np.flatnonzero(np.logical_and.reduce(off) & ~self.mixed)

    def out_of_order(self, ours: np.ndarray) -> np.ndarray:
        """Images whose logits order differently, beyond what the order of a float sum explains."""
        return np.flatnonzero(np.logical_and.reduce([_out_of_order(ours, a) for a in self.answers]) & ~self.mixed)


def _sides(made: Network, dtype: torch.dtype) -> _Sides:
    plain, met = made.answers(dtype, 0)
    if not made.recipe.tie:
        return _Sides((plain,), np.zeros(len(plain), bool))
    # Weights may hold a 0 in every image; then only the rule's answer counts, or none where bits of others met it too.
    return _Sides((plain, made.answers(dtype, made.recipe.tie)[0]), met & _settles_itself(made.recipe))


def _settles_itself(recipe: Recipe) -> bool:
    """A sign whose 0 is meant: `s + (s == 0)`, or the sign of what is never on one side of 0."""
    spellings = {value for each in recipe.walk() for _, value in each.settings}
    return bool(spellings & {"sign_plus_equal", "square", "abs", "relu", "relu6", "sigmoid", "exp"})


def _exact(made: Network, lowered: Lowered, ours: np.ndarray, sides: _Sides, noisy: np.ndarray) -> list[str]:
    """Labels and the order of logits, against the untouched module.

    A float32 sum of pixels may fall on the other side of a threshold that the exact sum lies on or next to.  Then no
    bit differs once the captured graph's sums are exact.  That graph is the module, where it gives the module's own
    logits; on other images (`noisy`) a float64 copy of the module has to side with the program.
    """
    off = sides.out_of_order(ours)
    if not off.size:
        return []
    left = np.intersect1d(off, noisy)
    if left.size:
        left = np.intersect1d(left, _sides(made, torch.float64).out_of_order(ours))
    found = compare(lowered, made.x, exact_sums=True)
    if not left.size and found.differing_bits == 0:
        return []
    return [
        f"an exact program differs from the module: images {off.tolist()}, of a float64 copy {left.tolist()}, "
        f"{found.differing_bits} bits with exact sums; labels {ours.argmax(1)[off].tolist()}, PyTorch's "
        f"{sides.answers[-1].argmax(1)[off].tolist()}"
    ]


def _out_of_order(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """bool (N,)"""
    gap = theirs[:, :, None] - theirs[:, None, :]
    mine = ours[:, :, None].astype(np.int64) - ours[:, None, :]
    clear = np.abs(gap) > NOISE * np.abs(theirs).max()
    wrong: np.ndarray = (clear & (np.sign(gap) != np.sign(mine))).any(axis=(1, 2))
    return wrong
