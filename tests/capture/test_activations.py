# SPDX-License-Identifier: Apache-2.0
"""Every published way of writing a binarized activation comes out as the same two values, from the values alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from tests.capture.one_idiom import Net, Seen, capture_all, example, one, proved, step
from xnorc.capture import capture, run_logits

Fn = Callable[[torch.Tensor], torch.Tensor]


class StaticFunction(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        return g


class OldFunction(Function):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.save_for_backward(x)
        return x.sign().add_(0.5).sign_()


class Steps(nn.Module):
    """Bi-Real's piecewise polynomial, written with masks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hard = torch.sign(x)
        low, mid, high = (x < -1).float(), (x < 0).float(), (x < 1).float()
        soft = -1 * low + (x * x + 2 * x) * (1 - low)
        soft = soft * mid + (-x * x + 2 * x) * (1 - mid)
        soft = soft * high + 1 * (1 - high)
        return hard.detach() - soft.detach() + soft


def settle(x: torch.Tensor) -> torch.Tensor:
    o = torch.sign(x)
    o[o == 0] = 1
    return o


def per_channel(x: torch.Tensor, shift: tuple[float, ...] = (0.1, -0.2, 0.3, 0.0)) -> torch.Tensor:
    return torch.sign(x + torch.tensor(shift).view(1, -1, 1, 1))


TWO_VALUED: dict[str, Fn] = {
    "where": lambda x: torch.where(x >= 0, 1.0, -1.0),
    "where tensors": lambda x: torch.where(x > 0, torch.ones_like(x), torch.full_like(x, -1)),
    "compare to float": lambda x: (x > 0.3).float() * 2 - 1,
    "compare, type": lambda x: (x >= 0).type(x.dtype).mul(2).sub(1),
    "compare, type_as": lambda x: x.ge(0).type_as(x) * 2 - 1,
    "not less": lambda x: (~(x < 0)).float() * 2.0 - 1.0,
    "two comparisons": lambda x: (x >= 0).float() - (x < 0).float(),
    "round of clamp": lambda x: 2 * torch.round(torch.clamp((x + 1) / 2, 0, 1)) - 1,
    "clamp of round": lambda x: 2 * torch.clamp(torch.round((x + 1) / 2), 0, 1) - 1,
    "sign, shifted, sign": lambda x: (x.sign() + 0.5).sign(),
    "sign of sign plus epsilon": lambda x: torch.sign(torch.sign(x) + 1e-5),
    "mask write": settle,
    "masked_fill": lambda x: x.sign().masked_fill(x.sign() == 0, -1.0),
    "copysign": lambda x: torch.copysign(torch.ones(()), x),
    "static function": StaticFunction.apply,
    "old function": lambda x: OldFunction()(x),
    "bool index": lambda x: torch.tensor([-1.0, 1.0])[(x >= 0).long()],
    "int8 there and back": lambda x: ((x > 0).to(torch.int8) * 2 - 1).to(torch.float32),
    "argmax of two": lambda x: torch.stack([x, torch.zeros_like(x)]).argmax(0).float() * -2 + 1,
    "heaviside": lambda x: torch.heaviside(x, torch.tensor(1.0)) * 2 - 1,
    "maximum": lambda x: torch.maximum(x.sign() * 2 + 1, torch.tensor(-1.0)).clamp(max=1),
}
TIED: dict[str, Fn] = {
    "torch.sign": torch.sign,
    "method": lambda x: x.sign(),
    "in place": lambda x: x.clone().sign_(),
    "hardtanh first": lambda x: torch.sign(F.hardtanh(x)),
    "over std": lambda x: torch.sign(x / (x.std() + 1e-5)),
    "over std, no epsilon": lambda x: torch.sign(x / x.std()),
    "minus mean": lambda x: torch.sign((x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)),
    "per channel": per_channel,
    "tanh": lambda x: torch.sign(torch.tanh(3 * x)),
    "sgn": torch.sgn,
}


@pytest.fixture(scope="module")
def two_valued() -> dict[str, Seen]:
    return capture_all(TWO_VALUED)


@pytest.fixture(scope="module")
def tied() -> dict[str, Seen]:
    return capture_all(TIED)


@pytest.fixture(scope="module")
def ruled() -> dict[str, Seen]:
    return capture_all(TIED, tie=1)


@pytest.mark.parametrize("name", TWO_VALUED)
def test_two_valued_forms_are_plus_and_minus_one(name: str, two_valued: dict[str, Seen]) -> None:
    seen = two_valued[name]
    assert seen.numbers == {-1.0, 1.0}
    assert seen.bits.distinct() == 2
    assert [p.tie for p in seen.points] == [None] * len(seen.points)
    assert seen.points[-1].node is seen.bits.src


@pytest.mark.parametrize("name", TIED)
def test_a_sign_keeps_its_third_value(name: str, tied: dict[str, Seen]) -> None:
    seen = tied[name]
    assert seen.numbers == {-1.0, 0.0, 1.0}
    assert seen.bits.distinct(skip_tie=True) == 2
    (point,) = seen.points
    assert point.tie is not None
    assert float(point.codes[point.tie]) == 0


@pytest.mark.parametrize("name", TIED)
def test_a_tie_rule_takes_the_third_value_away(name: str, ruled: dict[str, Seen]) -> None:
    seen = ruled[name]
    assert seen.numbers == {-1.0, 1.0}
    assert [p.tie for p in seen.points] == [None]
    assert any("tie rule" in note for note in seen.net.notes)


@pytest.mark.parametrize("tie", [1, -1])
def test_a_tie_rule_is_what_zero_becomes(tie: int) -> None:
    zero = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), Sign(), nn.Conv2d(2, 1, 1, bias=False)).eval()
    nn.init.ones_(zero[2].get_parameter("weight"))
    net = capture(zero, torch.zeros(1, 1, 2, 2), tie=tie)
    assert bool((run_logits(net.graph, torch.zeros(1, 1, 2, 2)) == 2 * tie).all())


class Sign(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sign()


def test_a_tie_rule_leaves_a_models_own_rule_alone() -> None:
    x = example()
    module = Net([settle], [torch.sign]).eval()
    assert torch.equal(run_logits(capture(module, x, tie=-1).graph, x), module(x).detach())


SOFT: dict[str, Fn] = {
    "clamp": lambda x: x.clamp(-1, 1),
    "hardtanh": F.hardtanh,
    "identity": lambda x: x,
    "tanh": torch.tanh,
}
ASSOCIATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "(h - c) + c": lambda h, c: (h - c).detach() + c,
    "h.detach() - c.detach() + c": lambda h, c: h.detach() - c.detach() + c,
    "c + (h - c)": lambda h, c: c + (h - c).detach(),
    "c - (c - h)": lambda h, c: c - (c - h).detach(),
    "(c - c) + h": lambda h, c: (c - c.detach()) + h,
    "h + (c - c)": lambda h, c: h + (c - c.detach()),
}


def associated(make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], soft: Fn) -> Fn:
    return lambda x: make(step(x), soft(x))


FORMS: dict[str, Fn] = {
    f"{form} with {soft}": associated(make, of) for form, make in ASSOCIATIONS.items() for soft, of in SOFT.items()
}


@pytest.fixture(scope="module")
def forms() -> dict[str, Seen]:
    return capture_all(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_every_association_of_hard_and_soft_is_the_hard_branch(name: str, forms: dict[str, Seen]) -> None:
    assert forms[name].numbers == {-1.0, 1.0}


def test_every_association_is_proved_exact_and_says_where(forms: dict[str, Seen]) -> None:
    proofs = next(iter(forms.values())).net.proofs
    assert len(proofs) == len(FORMS)
    assert all("cancelled, exact: " in line and "test_activations.py" in line for line in proofs)


def test_adding_the_soft_branch_first_is_bounded_and_said() -> None:
    net = one(lambda x: (step(x) + x.clamp(-1, 1)) - x.clamp(-1, 1))
    assert net.numbers == {-1.0, 1.0}
    assert proved(net) == "bounded"


def test_a_soft_branch_centred_elsewhere_is_bounded() -> None:
    def act(x: torch.Tensor) -> torch.Tensor:
        hard = torch.where(x + 0.25 >= 0, 1.0, -1.0)
        return (hard - x.clamp(-1, 1)).detach() + x.clamp(-1, 1)

    assert proved(one(act)) == "bounded"


def test_the_masked_polynomial_cancels_exactly() -> None:
    net = one(Steps(), tie=1)
    assert net.numbers == {-1.0, 1.0}
    assert proved(net) == "exact"
    assert [packet_name(p.node) for p in net.points] == ["ge"]  # the masks are gone


def packet_name(node: torch.fx.Node) -> str:
    return node.target.overloadpacket.__name__


def test_the_zero_one_form_cancels_exactly() -> None:
    net = one(lambda x: (x > 0).float() - x.clamp(0, 1).detach() + x.clamp(0, 1))
    assert net.numbers == {0.0, 1.0}
    assert proved(net) == "exact"


def test_a_sign_after_relu_is_zero_or_one_and_has_no_tie() -> None:
    net = one(lambda x: torch.sign(F.relu(x)))
    assert net.numbers == {0.0, 1.0}
    assert [p.tie for p in net.points] == [None]


class Scaled(nn.Module):
    """m ± a per channel, m and a learned."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([0.5, 1.0, 2.0, 0.25]).view(1, 4, 1, 1))
        self.m = nn.Parameter(torch.tensor([0.0, 0.1, -0.3, 1.0]).view(1, 4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a * (step(x) + self.m)


def test_asymmetric_values_per_channel_are_two_rows() -> None:
    act = Scaled()
    table = one(act).bits
    assert table.distinct() == 2
    low, high = table.vals
    assert torch.equal(high, act.a * (1 + act.m))
    assert torch.equal(low, act.a * (-1 + act.m))


def test_a_batch_norm_after_the_sign_is_a_row_per_code() -> None:
    norm = nn.BatchNorm2d(4).eval()
    nn.init.uniform_(norm.weight, 0.5, 2)
    table = one(nn.Sequential(Two(), norm)).bits
    assert [v.shape for v in table.vals] == [(1, 4, 1, 1)] * 2
    assert torch.equal(table.vals[1], norm(torch.ones(1, 4, 1, 1)).detach())


class Two(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return step(x)


def test_padding_with_a_constant_keeps_the_source() -> None:
    net = one(lambda x: F.pad(step(x), (1, 1, 1, 1), value=-1.0))
    table = net.bits
    assert table.distinct() == 2
    assert table.vals[1].shape == (1, 1, 8, 8)
    assert bool((table.vals[1][..., 0] == -1).all())


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_padding_by_copies_stays_uniform(mode: str) -> None:
    assert one(lambda x: F.pad(step(x), (1, 1, 1, 1), mode=mode)).bits.uniform


def test_max_pool_of_bits_is_a_source_of_its_own_and_keeps_the_signs_below_it() -> None:
    net = one(lambda x: F.max_pool2d(step(x), 2))
    assert [p.kind for p in net.points] == ["binarize", "pool"]
    assert net.numbers == {-1.0, 1.0}


def test_concatenation_of_two_binarizers_joins_their_bits() -> None:
    def act(x: torch.Tensor) -> torch.Tensor:
        a, b = x.chunk(2, 1)
        return torch.cat([torch.where(b >= 0, 1.0, -1.0), torch.where(a > 0.5, 1.0, -1.0)], 1)

    net = one(act)
    assert [p.kind for p in net.points] == ["binarize", "binarize", "join"]
    assert net.numbers == {-1.0, 1.0}


def test_the_sum_of_two_signs_has_three_values() -> None:
    net = one(lambda x: step(x) + torch.where(x >= 1, 1.0, -1.0))
    assert net.numbers == {-2.0, 0.0, 2.0}


def test_channel_shuffle_is_a_move() -> None:
    def act(x: torch.Tensor) -> torch.Tensor:
        o = step(x)
        return o.view(1, 2, 2, 6, 6).transpose(1, 2).reshape(1, 4, 6, 6)

    assert one(act).numbers == {-1.0, 1.0}


def test_prelu_and_hand_made_clamps_are_no_binarize_points() -> None:
    class Act(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.prelu = nn.PReLU(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.prelu(x)
            x = x * (x > -1).float() - (x <= -1).float()
            return step(x)

    assert len(one(Act()).points) == 1


def test_magnitude_per_position_is_no_binary_input() -> None:
    net = one(lambda x: torch.sign(x) * x.abs().mean(1, keepdim=True))
    assert net.points == []


def test_attention_scores_are_dots_of_two_points() -> None:
    class Scores(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q = torch.where(x.flatten(2) >= 0, 1.0, -1.0)
            k = torch.where(x.flatten(2) >= 0.1, 1.0, -1.0)
            return (q.transpose(1, 2) @ k).mean((1, 2), keepdim=False)[:, None]

    net = capture(Scores(), torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert len(net.points) == 2
    assert {d.target.overloadpacket.__name__ for p in net.points for d in p.dots} == {"matmul"}
