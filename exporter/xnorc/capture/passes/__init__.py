# SPDX-License-Identifier: Apache-2.0
"""The passes from a decomposed graph to normal form, in order; the graph runs before and after each."""

from __future__ import annotations

from collections.abc import Callable

import torch

from xnorc.capture.execute import run_logits
from xnorc.capture.passes.apply_tie import settle_activations, settle_weights
from xnorc.capture.passes.cancel_straight_through import cancel_straight_through
from xnorc.capture.passes.erase_noise import erase_noise
from xnorc.capture.passes.expand_composites import expand_composites
from xnorc.capture.passes.fold_constants import fold_constants, fold_numbers
from xnorc.capture.passes.fold_known import fold_known
from xnorc.capture.passes.merge_common import merge_common
from xnorc.capture.passes.pair_comparisons import pair_comparisons
from xnorc.capture.passes.refuse_effects import refuse_effects
from xnorc.capture.passes.refuse_numbers import refuse_numbers
from xnorc.capture.passes.rewrite_dots import rewrite_dots
from xnorc.capture.passes.rewrite_masks import rewrite_masks
from xnorc.capture.passes.rewrite_negations import rewrite_negations
from xnorc.capture.passes.split_tuples import split_tuples
from xnorc.capture.passes.work import Work
from xnorc.errors import CaptureError

Pass = Callable[[Work], bool]

STAGES: tuple[tuple[Pass, ...], ...] = (
    (refuse_effects, refuse_numbers),
    (fold_numbers, erase_noise, split_tuples, rewrite_masks, rewrite_negations, expand_composites, merge_common),
    (erase_noise, merge_common, pair_comparisons, cancel_straight_through),  # symbolically, before weights are folded
    (settle_weights,),
    (fold_constants, erase_noise, rewrite_masks, rewrite_dots, merge_common, cancel_straight_through, fold_known),
    (settle_activations, merge_common),
)
"""Each stage is repeated until none of its passes changes anything."""

CHANGES_MEANING: tuple[Pass, ...] = (settle_weights, settle_activations)
"""Passes that do what the user asked for, not what the model does."""


def normalise(work: Work, example: torch.Tensor) -> None:
    """Brings `work.gm` into normal form.

    Raises:
        CaptureError: a pass refuses what it meets.
    """
    expected = run_logits(work.gm, example)
    for stage in STAGES:
        changed = True
        while changed:
            changed = False
            for step in stage:
                before = work.delta
                if step(work):
                    changed = True
                    expected = _check(step, work, example, expected, moved=work.delta > before)


def _check(step: Pass, work: Work, example: torch.Tensor, expected: torch.Tensor, moved: bool) -> torch.Tensor:
    """Lints the graph and compares its output with the last one; returns the output to compare with next."""
    work.gm.graph.eliminate_dead_code()
    work.gm.graph.lint()
    work.gm.recompile()
    got = run_logits(work.gm, example)
    if torch.equal(got, expected):
        return expected
    if moved or step in CHANGES_MEANING:
        worst = float((got - expected).abs().max())
        work.notes.append(f"{step.__name__}: logits of the example move by {worst:.3g}")
        return got
    raise CaptureError(step.__name__, "changed the network's output", "a defect of xnorc: please report the model")
