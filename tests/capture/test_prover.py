# SPDX-License-Identifier: Apache-2.0
"""The prover itself: its constants, its walk over all floats of a range, what it calls too large."""

from __future__ import annotations

import pytest
import torch

from tests.capture.one_idiom import one, proved, step
from xnorc.capture import proofs
from xnorc.capture.passes.cancel_straight_through import MAX_DELTA
from xnorc.capture.proofs import SIGNIFICAND
from xnorc.errors import CaptureError


def test_significands_are_those_of_the_types() -> None:
    for kind, bits in SIGNIFICAND.items():
        assert 2.0**bits == 2 / torch.finfo(kind).eps


def exact(hole: float, size: float = 1.0) -> bool:
    """Whether (h - c) + c is proved for a soft branch that has the wrong sign at one float alone."""

    def act(x: torch.Tensor) -> torch.Tensor:
        soft = torch.where(x == hole, -size if hole >= 0 else size, x.clamp(-1, 1))
        return (step(x) - soft).detach() + soft

    proofs._answers.clear()
    return proved(one(act)) == "exact"


@pytest.mark.parametrize("hole", [0.0, 2.0**-149, 1.0, 0.7310585975646973, 3.5, -0.25, -(2.0**-126), 2.0**-20])
def test_a_single_float_of_the_wrong_sign_is_found_wherever_it_lies(hole: float) -> None:
    assert not exact(hole)


def test_no_float_of_the_wrong_sign_is_a_proof() -> None:
    proofs._answers.clear()
    assert proved(one(lambda x: (step(x) - x.clamp(-1, 1)).detach() + x.clamp(-1, 1))) == "exact"


@pytest.mark.parametrize(("reach", "accepted"), [(2.0**12, True), (2.0**13, False)])
def test_a_sum_that_may_be_off_by_more_than_is_allowed_is_refused(reach: float, accepted: bool) -> None:
    """Two additions of a soft branch up to `reach` of the other sign: off by 2 (reach + 1) 2^-24 and a little more."""

    def act(x: torch.Tensor) -> torch.Tensor:
        soft = -(x * reach).clamp(-reach, reach)
        return (step(x) - soft).detach() + soft

    assert (2 * (reach + 1) * 2.0**-24 * (1 + 2.0**-6) <= MAX_DELTA) == accepted
    if accepted:
        assert proved(one(act)) == "bounded"
    else:
        with pytest.raises(CaptureError, match="the sum may be off by"):
            one(act)
