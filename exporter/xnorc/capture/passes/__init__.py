# SPDX-License-Identifier: Apache-2.0
"""The passes from a decomposed graph to normal form, in order; the graph runs before and after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import torch
from torch import fx

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
from xnorc.capture.passes.rewrite_strides import rewrite_strides
from xnorc.capture.passes.split_tuples import split_tuples
from xnorc.capture.passes.work import Work
from xnorc.errors import Fault

Pass = Callable[[Work], bool]
OnStage = Callable[[str, fx.GraphModule], None]
PASSES = 60  # checks of a capture, about: passes that change something, with their repetitions

STAGES: tuple[tuple[Pass, ...], ...] = (
    (refuse_effects, refuse_numbers, rewrite_strides),
    (fold_numbers, erase_noise, split_tuples, rewrite_masks, rewrite_negations, expand_composites, merge_common),
    (erase_noise, merge_common, pair_comparisons, cancel_straight_through),  # symbolically, before weights are folded
    (settle_weights,),
    (fold_constants, erase_noise, rewrite_masks, rewrite_dots, merge_common, cancel_straight_through, fold_known),
    (settle_activations, merge_common),
)
"""Each stage is repeated until none of its passes changes anything."""

CHANGES_MEANING: tuple[Pass, ...] = (settle_weights, settle_activations)
"""Passes that do what the user asked for, not what the model does."""


SECONDS = 20.0  # that all checks of one capture may take, about


def normalise(work: Work, inputs: Sequence[torch.Tensor], on_stage: OnStage | None = None) -> None:
    """Brings `work.gm` into normal form.

    After each pass the graph runs again on the first input and on some of the others, in turn, as many as SECONDS
    allow; at the end on all.

    Args:
        inputs: the example, and more like it.
        on_stage: called with a name and the graph: as traced, then after each pass that changed it.

    Raises:
        Fault: a pass changed the graph's output.
        CaptureError: a pass refuses what it meets.
    """
    check = _Check(work, inputs)
    if on_stage is not None:
        on_stage("traced", work.gm)
    for stage in STAGES:
        changed = True
        while changed:
            changed = False
            for step in stage:
                before = work.delta
                if step(work):
                    changed = True
                    check(step.__name__, may_move=work.delta > before or step in CHANGES_MEANING)
                    if on_stage is not None:
                        on_stage(step.__name__, work.gm)
    check.all_inputs("normalise")


class _Check:
    """The graph's logits on each input, to be found again after each pass."""

    def __init__(self, work: Work, inputs: Sequence[torch.Tensor]) -> None:
        self.work, self.inputs, self.turn = work, list(inputs), 0
        started = perf_counter()
        self.expected = [run_logits(work.gm, x) for x in self.inputs]
        one = (perf_counter() - started) / len(self.inputs)
        self.at_once = 1 + int(min(len(self.inputs) - 1, max(1, SECONDS / PASSES / max(one, 1e-6))))

    def __call__(self, name: str, may_move: bool) -> None:
        """Lints the graph and runs it; where the pass `may_move` the logits, what it gives is expected from now on."""
        self.work.gm.graph.eliminate_dead_code()
        self.work.gm.graph.lint()
        self.work.gm.recompile()
        if may_move:
            self._take_over(name)
            return
        self._same(name, [0, *((1 + (self.turn + k) % (len(self.inputs) - 1)) for k in range(self.at_once - 1))])
        self.turn += self.at_once - 1

    def all_inputs(self, name: str) -> None:
        """Every input once more, at the end."""
        self._same(name, range(len(self.inputs)))

    def _same(self, name: str, which: Iterable[int]) -> None:
        for i in which:
            if not same_bits(run_logits(self.work.gm, self.inputs[i]), self.expected[i]):
                raise Fault(f"capture, pass {name}", "it changed the network's output")

    def _take_over(self, name: str) -> None:
        got = [run_logits(self.work.gm, x) for x in self.inputs]
        if not all(same_bits(a, b) for a, b in zip(got, self.expected, strict=True)):
            self.work.moved.append(name)
        worst = float((got[0] - self.expected[0]).abs().max())
        if worst > 0:
            self.work.notes.append(f"{name}: logits of the example move by {worst:.3g}")
        self.expected = got


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal shapes and numbers; NaN equals NaN."""
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())
