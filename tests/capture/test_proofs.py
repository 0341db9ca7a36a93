# SPDX-License-Identifier: Apache-2.0
"""The theorem behind cancellation, against brute force over floats; and what the prover must not believe."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import fx

from tests.capture.one_idiom import one, proved, step
from xnorc.capture.passes.cancel_straight_through import MAX_DELTA
from xnorc.capture.proofs import _holds, rounding_bound
from xnorc.capture.values import Const, Range, Value
from xnorc.errors import CaptureError


def spread(n: int) -> torch.Tensor:
    """Positive floats with full significands, over many binades (torch.rand has a grid of 2^-24)."""
    return torch.exp(3 * torch.randn(n, generator=torch.Generator().manual_seed(0)))


Sum = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def every_float16() -> torch.Tensor:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    values = bits.view(torch.float16)
    return values[torch.isfinite(values)]


@pytest.mark.parametrize(("kind", "p"), [(torch.float16, 11), (torch.bfloat16, 8)])
def test_same_sign_sums_are_exact_up_to_two_to_the_p_for_every_half_float(kind: torch.dtype, p: int) -> None:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    c = bits.view(kind)
    c = c[torch.isfinite(c)]
    h = torch.where(c >= 0, 1.0, -1.0).to(kind)
    within = c.abs().float() <= 2**p
    assert bool((((h - c) + c) == h)[within].all())
    assert not bool((((h - c) + c) == h)[~within].all())
    negative_zero = torch.where(c > 0, 1.0, -1.0).to(kind)  # at c = 0 either sign will do
    assert bool((((negative_zero - c) + c) == negative_zero)[within & (c <= 0)].all())


def test_same_sign_sums_are_exact_for_every_float32_of_some_binades_and_fail_first_past_two_to_the_24() -> None:
    for low in (2.0**-126, 2.0**-30, 0.25, 0.5, 1.0, 2.0, 2.0**22):
        c = torch.arange(2**23, dtype=torch.int32).add_(torch.tensor(low).view(torch.int32)).view(torch.float32)
        assert bool((((1 - c) + c) == 1).all())
    c = torch.arange(2**24 - 64, 2**24 + 64).float()
    exact = ((1 - c) + c) == 1
    assert bool(exact[c <= 2**24].all())
    assert float(c[~exact][0]) == 2**24 + 2


def test_scaling_by_a_power_of_two_keeps_sums_exact() -> None:
    c = spread(100_000)
    for a in (0.25, 4.0):
        assert bool((((a - c * 3) + c * 3) == a).all())


def test_a_scale_that_is_no_power_of_two_is_only_bounded() -> None:
    c = spread(100_000)
    assert not bool((((0.3 - c) + c) == torch.tensor(0.3)).all())
    assert proved(one(lambda x: (0.3 * step(x) - x.clamp(-1, 1)).detach() + x.clamp(-1, 1))) == "bounded"
    assert proved(one(lambda x: (0.25 * step(x) - x.clamp(-1, 1)).detach() + x.clamp(-1, 1))) == "exact"


def bound_said(line: str) -> float:
    return float(line.split("within ")[1].split()[0])


@pytest.mark.parametrize(
    "form",
    [
        lambda h, c: (h - c) + c,
        lambda h, c: (h + c) - c,
        lambda h, c: c - (c - h),
        lambda h, c: (c + h) - c,
        lambda h, c: ((h + c) + c) - c - c,
    ],
)
def test_the_bound_holds_for_every_half_float_of_any_sign(form: Sum) -> None:
    c = every_float16()
    c = c[c.abs() <= 8]
    for h in (torch.ones_like(c), -torch.ones_like(c)):
        off = (form(h, c).float() - h.float()).abs().max()
        assert off <= 4 * (1 + 2 * 8) * torch.finfo(torch.float16).eps / 2  # at most four additions


def test_the_bound_said_holds_for_a_million_floats() -> None:
    net = one(lambda x: (step(x - 0.5) - x.clamp(-1, 1)).detach() + x.clamp(-1, 1)).net
    c = torch.cat([spread(1_000_000), -spread(1_000_000)]).clamp(-1, 1)
    h = step(c - 0.5)
    off = float((((h - c) + c) - h).abs().max())
    assert 0 < off <= bound_said(net.proofs[0]) <= MAX_DELTA


NOT_SAME_SIGN = {
    "opposite": lambda x: (step(x) + x.clamp(-1, 1)).detach() - x.clamp(-1, 1),
    "shifted": lambda x: (step(x) - (x + 0.001).clamp(-1, 1)).detach() + (x + 0.001).clamp(-1, 1),
    "one sign": lambda x: (step(x) - x.abs()).detach() + x.abs(),
    "one float off": lambda x: (torch.where(x >= -(2.0**-149), 1.0, -1.0) - x.clamp(-1, 1)).detach() + x.clamp(-1, 1),
    "mean": lambda x: (step(x) - x.mean(1, True).expand_as(x)).detach() + x.mean(1, True).expand_as(x),
}


@pytest.mark.parametrize("name", NOT_SAME_SIGN)
def test_branches_of_different_sign_are_never_called_exact(name: str) -> None:
    try:
        seen = one(NOT_SAME_SIGN[name])
    except CaptureError as error:
        assert "soft branch may reach" in str(error)  # noqa: PT017
    else:
        assert proved(seen) == "bounded"


def test_a_real_stream_is_not_reassociated() -> None:
    def act(x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3), keepdim=True).expand_as(x)
        return step((x * 1.5 - mean) + mean)

    assert one(act).net.proofs == ()


def test_a_soft_branch_past_two_to_the_24_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"test_proofs\.py.*soft branch may reach"):
        one(lambda x: (step(x) - 1e6 * x).detach() + 1e6 * x)


@pytest.mark.parametrize(("largest", "exact"), [(2.0**24, True), (2.0**24 + 2, False), (2.0**25, False)])
def test_a_soft_branch_is_exact_up_to_two_to_the_24_and_not_one_float_beyond(largest: float, exact: bool) -> None:
    """2^24 + 2 is the next float: there fl(fl(1 - c) + c) is 2 (see the test over every float above)."""
    for hard, soft in ((1.0, Range(0.0, largest)), (-1.0, Range(-largest, 0.0))):
        assert _holds(Const(torch.tensor(hard)), soft, 2.0**24) is exact
        assert _holds(Const(torch.tensor(4 * hard)), Range(4 * soft.lo, 4 * soft.hi), 2.0**24) is exact
        assert not _holds(Const(torch.tensor(-hard)), soft, 2.0**24)
    assert not _holds(Const(torch.tensor(1.0)), Range(0.0, float("inf")), 2.0**24)


@pytest.mark.parametrize(("scale", "exact"), [(2.0**24, True), (2.0**24 + 2, False)])
def test_the_prover_uses_that_limit(scale: float, exact: bool) -> None:
    """Clipped to 0..1 and scaled, the soft branch reaches `scale` and no more, whatever the range of x."""

    def act(x: torch.Tensor) -> torch.Tensor:
        soft = scale * x.clamp(0, 1)
        return (step(x) - soft).detach() + soft

    if exact:
        assert any("|c| <= 2^p |h|" in proof for proof in one(act).net.proofs)
    else:
        with pytest.raises(CaptureError, match="soft branch may reach"):
            one(act)


def test_the_rounding_bound_is_half_an_ulp_of_the_largest_partial_sum_for_each_addition() -> None:
    graph = fx.Graph()
    hard, soft = graph.placeholder("hard"), graph.placeholder("soft")
    values: dict[fx.Node, Value] = {hard: Range(-1.0, 1.0), soft: Range(-3.0, 2.0)}
    slack = 1 + 2.0**-6  # for the errors' own second order
    assert rounding_bound(2, [hard, soft], values, torch.float32) == 2 * (1 + 3) * 2.0**-24 * slack
    assert rounding_bound(3, [soft], values, torch.float16) == 3 * 3 * 2.0**-11 * slack
    assert rounding_bound(0, [hard], values, torch.float32) == 0


def test_the_rounding_bound_is_nearly_met() -> None:
    """1 + |c| has one bit too many: the first addition is off by half an ulp, and nothing makes it good."""
    c = -(0.5 + (2 * torch.arange(2**12, dtype=torch.float64) + 1) * 2.0**-24).float()
    off = float((((1 - c) + c).double() - 1).abs().max())
    graph = fx.Graph()
    hard, soft = graph.placeholder("hard"), graph.placeholder("soft")
    said = rounding_bound(2, [hard, soft], {hard: Range(1.0, 1.0), soft: Range(-0.51, -0.5)}, torch.float32)
    assert said / 4 < off <= said
