# SPDX-License-Identifier: Apache-2.0
"""The judge knows nothing of our rules: whatever part of the exporter lies, the network itself tells.

Each test breaks one thing behind the judge's back, as a wrong rule would, and expects to be told where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import xnorc
from tests.lower.nets import Bits, Conv, Linear, images, lively, pm1
from xnorc.capture import Eager
from xnorc.errors import Fault, LowerError
from xnorc.exporting import lower_module
from xnorc.lower import Lowered
from xnorc.oracle.compare import compare
from xnorc.oracle.judge import judge
from xnorc.program import Program

SHAPE = (1, 2, 8, 8)


def exact() -> nn.Module:
    return lively(
        nn.Sequential(
            Conv(2, 8, 3, padding=1), nn.BatchNorm2d(8), Bits(), Conv(8, 8, 3), nn.BatchNorm2d(8), Bits(),
            nn.Flatten(), Linear(288, 5),
        )
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.norm = nn.Conv2d(2, 6, 3, padding=1), Conv(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head((x + 0.1 * self.norm(self.conv(pm1(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def sound() -> Lowered:
    """Normalised so that pixels reach the thresholds of the first layer, on both sides."""
    return lower_module(exact(), torch.zeros(SHAPE), calibration=images(SHAPE, 20), mean=0.5, std=0.05)


def broken(made: Lowered, change: Callable[[Program], Program]) -> Lowered:
    return replace(made, program=change(made.program))


def with_thresholds(program: Program, at: int, by: int) -> Program:
    """The least threshold of the node moved by `by`: sums lie on both sides of that one."""
    nodes = list(program.nodes)
    k = [i for i, node in enumerate(nodes) if getattr(node, "thresholds", None) is not None][at]
    old = nodes[k].thresholds
    thr = old.thr.copy()
    thr[..., np.abs(thr.astype(np.int64)).max((0, 1)).argmin()] += by
    nodes[k] = replace(nodes[k], thresholds=replace(old, thr=thr))  # type: ignore[call-arg]
    return replace(program, nodes=tuple(nodes))


def test_what_is_sound_passes_and_says_on_what(sound: Lowered) -> None:
    verdict = judge(sound)
    assert verdict.images["calibration"] == 16
    assert set(verdict.images) == {"calibration", "random", "extreme", "grey", "label", "threshold"}
    assert verdict.same_labels == sum(verdict.images.values())
    assert verdict.logits_error < 1e-5
    assert not verdict.clipped
    assert "seconds" not in verdict.document()
    assert verdict.document() == judge(sound).document()


@pytest.mark.parametrize("by", [-2, 2])
def test_a_threshold_that_is_off_is_a_fault_at_the_models_line(sound: Lowered, by: int) -> None:
    with pytest.raises(Fault, match=r"nets.py:\d+ `.* bits of t_3_bits are not those that the network makes"):
        judge(broken(sound, lambda program: with_thresholds(program, 1, by)))


def test_logits_that_are_off_without_a_wrong_bit_are_a_fault(sound: Lowered) -> None:
    def scaled(program: Program) -> Program:
        *others, last = program.nodes
        return replace(program, nodes=(*others, replace(last, add=last.add + (1 << last.shift) * 2**22)))  # type: ignore[call-arg]

    with pytest.raises(Fault, match="rounding does not explain it"):
        judge(broken(sound, scaled))


def test_a_graph_that_is_not_the_network_is_a_fault_whatever_the_program_says(sound: Lowered) -> None:
    class OtherOffTheExample(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return exact()(x) + x.abs().sum().sign()

    other = Eager(OtherOffTheExample().eval(), None, "net")
    mixed = replace(sound, captured=replace(sound.captured, eager=other))
    with pytest.raises(Fault, match="capture: on image 0 the captured graph's logits are off by 1 "):
        judge(mixed)


def test_nothing_is_written_where_the_judge_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xnorc.lower import bits

    real = bits.threshold.compressed
    monkeypatch.setattr(
        bits.threshold, "compressed", lambda maps, flip: real([None if m is None else m + 2 for m in maps], flip)
    )
    monkeypatch.setattr(bits.threshold, "confirm", lambda *_: None)
    with pytest.raises(Fault) as caught:
        xnorc.export(exact(), torch.zeros(SHAPE), out=tmp_path / "program", mean=0.5, std=0.05)
    assert caught.value.exit_code == 3
    assert not any(tmp_path.iterdir())


class PoolShortcut(nn.Module):
    """A shortcut that is a pool, larger than the sum that it goes into: the other side takes most of it back."""

    def __init__(self, pool: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.pool = pool
        self.stem, self.conv, self.norm = nn.Conv2d(2, 6, 3, padding=1), Conv(6, 6, 3, 2, 1), nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)
        lively(self)
        with torch.no_grad():
            self.stem.bias.fill_(3.0)
            self.norm.weight.fill_(0.05)
            self.norm.bias.fill_(-2.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head((self.norm(self.conv(pm1(x))) + self.pool(x)).mean((2, 3)))


POOLS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "average": lambda x: F.avg_pool2d(x, 2),
    "greatest": lambda x: F.max_pool2d(x, 2),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 4),
    "padded": lambda x: F.avg_pool2d(x, 3, 2, 1),
}


@pytest.mark.parametrize("pool", POOLS)
def test_a_shortcut_larger_than_its_sum_has_room_whatever_makes_it(pool: str) -> None:
    x = images(SHAPE, 40, 1)
    made = lower_module(PoolShortcut(POOLS[pool]), torch.zeros(SHAPE), calibration=x)
    found = compare(made, x)
    assert not any(row.clipped for row in found.rows)
    assert found.logits_error < 2e-3


def test_a_stream_that_clips_is_refused_in_numbers_and_shown_by_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnorc.lower.graph.scales import Scales

    real = Scales.int16
    monkeypatch.setattr(Scales, "int16", lambda self, node: real(self, node) * 0.4)
    x = images(SHAPE, 40, 1)
    net = lively(Residual())
    with pytest.raises(LowerError, match=r"would clip [\d,]+ of [\d,]+ values of the calibration images, "):
        xnorc.export(net, torch.zeros(SHAPE), calibration=x)
    assert any(row.clipped for row in xnorc.verify(net, torch.zeros(SHAPE), x, calibration=x).rows)


def test_clipping_that_was_asked_for_is_no_error_but_told() -> None:
    x = images(SHAPE, 40, 1)
    made = lower_module(lively(Residual()), torch.zeros(SHAPE), calibration=x, percentile=60.0)
    verdict = judge(made)
    assert verdict.clipped
    assert all(each.clipped and each.excess > 1 for each in verdict.clipped)
    assert "clips" in str(verdict.clipped[0])


class Ties(nn.Module):
    """torch.sign whose 0 is reached: sums of an even number of +-1."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = Conv(2, 4, 3, bias=False), Conv(4, 4, 3, bias=False), Linear(64, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(torch.sign(self.b(torch.sign(self.a(x - 0.25)))).flatten(1))


@pytest.mark.parametrize("tie", [1, -1])
def test_a_tie_rule_is_judged_by_the_network_under_that_rule(tie: int) -> None:
    """Its own sign(0) is no bit; with sign(0) = tie in every torch.sign it is the program."""
    net = lively(Ties())
    made = lower_module(net, torch.zeros(SHAPE), tie=tie, calibration=images(SHAPE, 20))
    x = images(SHAPE, 30)
    found = compare(made, x)
    assert made.captured.moved
    assert found.same_capture == found.images
    assert found.same_labels == found.images
    assert judge(made).same_labels == sum(judge(made).images.values())


def test_labels_that_the_network_cannot_give_are_refused_everywhere() -> None:
    net, x = lively(nn.Sequential(nn.Flatten(), Linear(128, 1))), images(SHAPE, 6)
    with pytest.raises(xnorc.errors.DataError, match=r"y: 0..1 \(the model gives one number, which has no greatest"):
        xnorc.verify(net, torch.zeros(SHAPE), x, np.array([0, 1, 0, 1, 0, 1]))
    five = exact()
    for labels in ([0, 5, 1, 1, 1, 1], [-1, 0, 0, 0, 0, 0]):
        with pytest.raises(xnorc.errors.DataError, match=r"the model has classes 0..4"):
            xnorc.verify(five, torch.zeros(SHAPE), x, np.array(labels))
    with pytest.raises(xnorc.errors.DataError, match="5 labels for 6 images"):
        xnorc.verify(five, torch.zeros(SHAPE), x, np.zeros(5, int))


class Counter(nn.Module):
    """Its weights change sign after some calls: tracing cannot see it, and the example has long been compared."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.calls = Linear(128, 3), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling():
            self.calls += 1
        return self.a(x.flatten(1)) * (-1.0 if self.calls > 12 else 1.0)


def test_a_network_with_a_memory_is_its_authors_affair() -> None:
    with pytest.raises(xnorc.errors.CaptureError, match="Counter: the model answers otherwise than when it was read"):
        xnorc.export(lively(Counter()), torch.zeros(SHAPE))


@pytest.mark.parametrize("weight_bits", [8, 16])
def test_bits_next_to_a_threshold_on_rounded_sums_are_no_fault(weight_bits: int) -> None:
    """A stem of real weights is rounded: some of its bits differ, for which no rounding of PyTorch's is to blame."""
    net = lively(
        nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16), Bits(), Conv(16, 16, 3), nn.BatchNorm2d(16), Bits(),
            nn.Flatten(), Linear(576, 5),
        )
    )  # fmt: skip
    made = lower_module(
        net, torch.zeros(SHAPE), calibration=images(SHAPE, 40), mean=0.5, std=0.05, weight_bits=weight_bits
    )
    judge(made)
    rows = {row.tensor: row for row in compare(made, images(SHAPE, 200, 3)).rows if row.kind == "bit"}
    stem, hidden = rows.values()
    assert (stem.exact, hidden.exact) == (False, True)
    assert (stem.forced > 0) == (weight_bits == 8)
    assert hidden.forced == 0


@pytest.mark.parametrize("name", ["sign", "rsign", "design", "asd", "dysign", "lab"])
def test_every_binarizer_passes_and_rounded_ones_are_known_as_such(name: str) -> None:
    from xnorc.nn import make_binarizer

    torch.manual_seed(0)
    net = lively(
        nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1, padding_mode="replicate"), nn.BatchNorm2d(16),
            make_binarizer(name, 16),
            Conv(16, 16, 3), nn.BatchNorm2d(16), make_binarizer(name, 16), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(16, 5),
        )
    )  # fmt: skip
    made = lower_module(net, torch.zeros(SHAPE), calibration=images(SHAPE, 60))
    verdict = judge(made)
    assert sum(verdict.images.values()) > 20
    exact = [row.exact for row in compare(made, images(SHAPE, 5)).rows if row.kind == "bit"]
    assert exact[-1] == (name in ("sign", "rsign", "design"))


def cancelling(offset: float) -> nn.Module:
    """Behind the last layer large numbers are taken from one another, so that float32 keeps few digits of a logit."""

    class Cancels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b = Conv(2, 32, 3, padding=1), nn.BatchNorm2d(32), Linear(2048, 5, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return ((self.b(pm1(self.n(self.a(x))).flatten(1)) * 1e-3 + offset) - offset) * 100

    return lively(Cancels())


def test_what_float32_loses_behind_the_last_layer_is_no_fault() -> None:
    made = lower_module(cancelling(300.0), torch.zeros(SHAPE), calibration=images(SHAPE, 20), mean=0.5, std=0.05)
    verdict = judge(made)
    assert verdict.logits_error > 1e-4
    assert verdict.rounded_sums


def test_logits_that_are_off_by_more_than_float32_loses_are_a_fault() -> None:
    made = lower_module(cancelling(10.0), torch.zeros(SHAPE), calibration=images(SHAPE, 20), mean=0.5, std=0.05)
    judge(made)

    def biased(program: Program) -> Program:
        *others, last = program.nodes
        return replace(program, nodes=(*others, replace(last, add=last.add + (1 << last.shift) * 2**20)))  # type: ignore[call-arg]

    with pytest.raises(Fault, match="rounding does not explain it"):
        judge(broken(made, biased))


def test_logits_far_from_the_networks_are_warned_about_and_near_ones_are_not(sound: Lowered) -> None:
    """A rounded network whose channels differ by thousands keeps few digits of the small ones: that must be said."""
    near = judge(sound)
    assert near.warnings == ()
    assert replace(near, logits_error=0.5).warnings == ()
    (far,) = replace(near, logits_error=39.0).warnings
    assert far.startswith("logits are off by up to 3.9e+03 % of the network's greatest")
