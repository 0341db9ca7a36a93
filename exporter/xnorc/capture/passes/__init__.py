# SPDX-License-Identifier: Apache-2.0
"""The passes from a decomposed graph to normal form, in order; each is checked by running the graph before and after it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from xnorc.capture.execute import run_logits
from xnorc.capture.passes.erase_noise import erase_noise
from xnorc.capture.passes.fold_constants import fold_constants
from xnorc.capture.passes.merge_common import merge_common
from xnorc.capture.passes.split_tuples import split_tuples
from xnorc.capture.passes.work import Work
from xnorc.errors import CaptureError

Pass = Callable[[Work], bool]

SHAPING: tuple[Pass, ...] = (erase_noise, split_tuples, merge_common)
"""Repeated until nothing changes: what cancels and what folds depends on all of these."""


def normalise(work: Work, example: torch.Tensor) -> None:
    """Brings `work.gm` into normal form.

    Raises:
        CaptureError: a pass refuses what it meets.
    """
    expected = run_logits(work.gm, example)
    for _ in range(20):
        changed = [_checked(step, work, example, expected) for step in SHAPING]
        if not any(changed):
            break
    _checked(fold_constants, work, example, expected)
    for _ in range(20):
        changed = [_checked(step, work, example, expected) for step in (*SHAPING, fold_constants)]
        if not any(changed):
            return


def _checked(step: Pass, work: Work, example: torch.Tensor, expected: torch.Tensor) -> bool:
    changed = step(work)
    if changed:
        work.gm.graph.eliminate_dead_code()
        work.gm.graph.lint()
        work.gm.recompile()
        got = run_logits(work.gm, example)
        if work.delta == 0.0 and not torch.equal(got, expected):
            raise CaptureError(step.__name__, "changed the network's output", "a defect of xnorc: please report the model")
    return changed
