# SPDX-License-Identifier: Apache-2.0
"""Thresholds computed from the image become integers whose bits differ from PyTorch's only next to the threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.nets import Conv, images, lively, lowered, pm1
from xnorc.capture import run
from xnorc.errors import LowerError
from xnorc.lower import Lowered
from xnorc.lower.graph.pixels import images_to_float
from xnorc.lower.layer_rows import DynamicThresholdRow, StreamRow
from xnorc.nn.binarizers import make_binarizer
from xnorc.oracle.compare import compare
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.threshold import Threshold

SHAPE = (1, 2, 8, 8)
CH = 12


class Gate(nn.Module):
    """One number a channel from the channel means, within +-0.7."""

    def __init__(self, ch: int):
        super().__init__()
        self.first, self.second = nn.Linear(ch, 5), nn.Linear(5, ch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.7 * torch.tanh(self.second(F.relu(self.first(x.mean((2, 3)))))).view(x.shape[0], -1, 1, 1)


class AddSign(Gate):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x + super().forward(x))


class SubWhere(Gate):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        margin = super().forward(x).expand_as(x) - x
        return torch.where(margin > 0, -torch.ones_like(x), torch.ones_like(x))


class CompareMaps(Gate):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x >= super().forward(x)).float() * 2 - 1


class ZeroOne(Gate):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x < super().forward(x)).float()


class Offset(Gate):
    """The bit flips at a margin of 0.2, behind a clip."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(F.hardtanh(x - super().forward(x)) - 0.2)


class Roots(nn.Module):
    """A function that has no value left of 0, and a grouped convolution on the way to it."""

    def __init__(self, ch: int):
        super().__init__()
        self.mix = nn.Conv2d(ch, ch, 1, groups=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x - torch.sqrt(F.relu(self.mix(x.mean((2, 3), keepdim=True))) + 0.25))


STYLES = {
    "asd": lambda: make_binarizer("asd", CH, reduction=4),
    "dysign": lambda: make_binarizer("dysign", CH),
    "dysign, one side": lambda: make_binarizer("dysign", CH, sides="positive"),
    "x + t": lambda: AddSign(CH),
    "t - x": lambda: SubWhere(CH),
    "x >= t": lambda: CompareMaps(CH),
    "x < t, 0 and 1": lambda: ZeroOne(CH),
    "clip(x - t) >= 0.2": lambda: Offset(CH),
    "x - sqrt(t)": lambda: Roots(CH),
}


class Net(nn.Module):
    """conv - [pool] - batch norm of both signs - [clip, shortcut] - dynamic binarizer - conv - linear."""

    def __init__(self, binarizer: nn.Module, ahead: str):
        super().__init__()
        self.ahead = ahead
        self.stem, self.stem_norm = nn.Conv2d(2, CH, 3, padding=1, bias=False), nn.BatchNorm2d(CH)
        self.conv, self.norm = Conv(CH, CH, 3, padding=1, bias=False), nn.BatchNorm2d(CH)
        self.binarizer = binarizer
        self.after, self.after_norm = Conv(CH, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stem = self.stem_norm(self.stem(x))
        y = self.conv(pm1(stem))
        y = self.norm(F.max_pool2d(y, 2) if self.ahead == "pool" else y)
        if self.ahead == "clip":
            y = F.hardtanh(y)
        if self.ahead == "shortcut":
            y = F.hardtanh(y + stem)
        y = pm1(self.after_norm(self.after(self.binarizer(y))))
        return self.head(y.mean((2, 3)))


def made(style: str, ahead: str) -> Lowered:
    torch.manual_seed(5)
    net = lively(Net(STYLES[style](), ahead))
    with torch.no_grad():
        net.norm.weight[::3] *= -1
        net.norm.weight[4] = 0.0
        for name, parameter in net.binarizer.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(0.4)
    return lowered(net, SHAPE, calibration=images(SHAPE, 128, seed=3), weight_bits=16)


def margins(low: Lowered, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(our bits, PyTorch's bits, how far PyTorch's map lies from its threshold) of the dynamic point, per image."""
    row = next(r for r in low.report if isinstance(r, DynamicThresholdRow))
    assert row.channels == CH
    bits = next(b for b in low.bits if _is_compare(low, b))
    traced = low.program.trace(x)[bits.tensor.name]
    node = bits.node
    end = node.args[0] if len(node.all_input_nodes) == 1 else None
    ours, theirs, far = [], [], []
    for i in range(len(x)):
        real = images_to_float(x[i : i + 1], low.captured.example, low.options)
        wanted = [node, *([end] if end is not None else node.args[:2])]
        values = run(low.captured.graph, {low.captured.input: real}, wanted)
        bit_of = dict(zip(low.captured.values[node].codes, bits.bit_of_row, strict=True))
        theirs.append(
            sum(((values[node] == code) & (bit == 1)).reshape(-1) for code, bit in bit_of.items()).numpy() > 0
        )
        margin = values[end] if end is not None else values[node.args[0]] - values[node.args[1]]
        far.append(margin.double().reshape(-1).numpy())
        ours.append(traced[i].reshape(-1)[bits.at] == 1)
    return np.array(ours), np.array(theirs), np.array(far)


def _is_compare(low: Lowered, bits: Any) -> bool:
    return any(isinstance(n, Compare) and n.output.name == bits.tensor.name for n in low.program.nodes)


@pytest.mark.parametrize("ahead", ["nothing", "pool", "clip", "shortcut"])
@pytest.mark.parametrize("style", STYLES)
def test_bits_differ_only_next_to_the_threshold(style: str, ahead: str) -> None:
    low = made(style, ahead)
    ours, theirs, far = margins(low, images(SHAPE, 24, seed=9))
    wrong = ours != theirs
    flip = 0.2 if style.startswith("clip") else 0.0
    assert 0.02 < theirs.mean() < 0.98
    assert np.abs(far - flip)[wrong].max(initial=0.0) < 2e-3  # of values around 1; streams have 15 bits, tables lines
    assert wrong.mean() < 2e-3
    read = next(n for n in low.program.nodes if isinstance(n, Compare)).inputs[0]
    summed = [n for n in low.program.nodes if isinstance(n, SumPool2d) and n.inputs[0] == read]
    assert summed, "the channel sums are of the very integers that are compared"
    assert ("stream" in read or "sum" in read) == (ahead in ("clip", "shortcut")), "sums need no stream"


class Above(nn.Module):
    """`>` or `>=` against the channel's own mean, behind a ReLU: both are 0 where it has killed a channel."""

    def __init__(self, strict: bool, compares: bool):
        super().__init__()
        self.strict, self.compares = strict, compares

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(x)
        mean = x.mean((2, 3), keepdim=True)
        if self.compares:
            bit = x > mean if self.strict else x >= mean
        else:
            bit = x - mean > 0 if self.strict else x - mean >= 0
        return bit.float() * 2 - 1


@pytest.mark.parametrize("compares", [True, False])
@pytest.mark.parametrize("strict", [True, False])
def test_ties_of_dead_channels_fall_as_in_pytorch(strict: bool, compares: bool) -> None:
    torch.manual_seed(5)
    net = lively(Net(Above(strict, compares), "nothing"))
    with torch.no_grad():
        net.norm.weight[4], net.norm.bias[4] = 0.0, -1.0
    ours, theirs, far = margins(lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3)), images(SHAPE, 24, seed=9))
    dead = (far.reshape(-1, CH, 64) == 0).all(axis=2)
    assert dead[:, 4].all()
    assert dead[:, :4].any(), "and some in some images"
    tied = np.repeat(dead, 64, axis=1)
    assert (theirs[tied] != strict).all()
    assert (ours[tied] == theirs[tied]).all()
    assert (ours != theirs).mean() < 2e-3


BELOW: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "lt": lambda x, mean: x < mean,
    "le": lambda x, mean: x <= mean,
    "mean gt": lambda x, mean: mean > x,
    "mean ge": lambda x, mean: mean >= x,
    "difference lt": lambda x, mean: x - mean < 0,
    "difference le": lambda x, mean: x - mean <= 0,
    "turned difference": lambda x, mean: (x - mean) * -0.5 > 0,
    "other difference": lambda x, mean: mean - x > 0,
}


class Below(nn.Module):
    """1 where a map lies below its own mean."""

    def __init__(self, form: str):
        super().__init__()
        self.form = form

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(x)
        return BELOW[self.form](x, x.mean((2, 3), keepdim=True)).float() * 2 - 1


@pytest.mark.parametrize("form", BELOW)
def test_bits_of_maps_below_their_threshold_are_those_of_pytorch(form: str) -> None:
    torch.manual_seed(5)
    net = lively(Net(Below(form), "nothing"))
    with torch.no_grad():
        net.norm.weight[4], net.norm.bias[4] = 0.0, -1.0  # a dead channel: all ties
    ours, theirs, far = margins(lowered(net, SHAPE, calibration=images(SHAPE, 32, seed=3)), images(SHAPE, 12, seed=9))
    assert np.abs(far)[ours != theirs].max(initial=0.0) < 2e-3
    assert (ours != theirs).mean() < 2e-3
    tied = np.repeat((far.reshape(-1, CH, 64) == 0).all(axis=2), 64, axis=1)
    assert (ours[tied] == theirs[tied]).all()
    assert (ours[tied] == ("le" in form or "ge" in form)).all()


def test_a_dead_channel_costs_the_others_nothing() -> None:
    torch.manual_seed(5)
    net = lively(Net(Above(strict=False, compares=True), "nothing"))
    with torch.no_grad():
        net.norm.weight[4] = 0.0
    ours, theirs, far = margins(lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3)), images(SHAPE, 24, seed=9))
    live = np.delete(np.arange(CH), 4)
    wrong = (ours != theirs).reshape(-1, CH, 64)[:, live]
    assert np.abs(far.reshape(-1, CH, 64)[:, live])[wrong].max(initial=0.0) < 2e-3


@pytest.mark.parametrize("scale", [1.0, 0.03, 0.003])
def test_constants_are_right_on_maps_of_any_scale(scale: float) -> None:
    class Still(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pm1(x - 1e-4 * x.mean((2, 3), keepdim=True))

    torch.manual_seed(5)
    net = lively(Net(Still(), "nothing"))
    with torch.no_grad():
        net.norm.weight.mul_(scale)
        net.norm.bias.mul_(scale)
    made = lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3), static_collapsed=True)
    assert not any(isinstance(n, Compare) for n in made.program.nodes)
    rows = [row for row in compare(made, images(SHAPE, 24, seed=9)).rows if row.kind == "bit"]
    assert sum(row.forced for row in rows) <= 2e-4 * sum(row.elements for row in rows)


class OnVectors(nn.Module):
    """A residual sum of vectors: nothing dynamic about it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Linear(32, 24), nn.BatchNorm1d(24)
        self.inner, self.inner_norm = nn.Linear(24, 24, bias=False), nn.BatchNorm1d(24)
        self.outer, self.outer_norm, self.head = nn.Linear(24, 24, bias=False), nn.BatchNorm1d(24), nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.stem(x))
        z = y + self.inner_norm(F.linear(pm1(y), pm1(self.inner.weight)))
        return self.head(pm1(self.outer_norm(F.linear(pm1(z), pm1(self.outer.weight)))))


def test_residual_sums_of_vectors_are_joins() -> None:
    torch.manual_seed(5)
    net = lively(OnVectors())
    made = lowered(net, (1, 32), calibration=images((1, 32), 64, seed=3))
    assert not any(isinstance(n, Compare) for n in made.program.nodes)
    assert compare(made, images((1, 32), 40, seed=4)).same_labels >= 39


def test_thresholds_belong_to_their_image() -> None:
    low = made("dysign", "shortcut")
    x = images(SHAPE, 6, seed=1)
    order = np.array([3, 1, 5, 0, 4, 2])
    assert (low.program.run(x)[order] == low.program.run(x[order])).all()
    name = next(n for n in low.program.nodes if isinstance(n, Compare)).inputs[1]
    thresholds = low.program.trace(x)[name][:, 0, 0]
    assert (np.ptp(thresholds, axis=0) > 0).any(), "the same threshold for every image"


def test_collapsed_thresholds_are_told_and_become_constants_on_request() -> None:
    torch.manual_seed(5)
    net = lively(Net(make_binarizer("asd", CH, reduction=4), "nothing"))
    with torch.no_grad():
        net.binarizer.hyper.second.weight.mul_(1e-4)
    given = images(SHAPE, 64, seed=3)
    as_is = lowered(net, SHAPE, calibration=given)
    static = lowered(net, SHAPE, calibration=given, static_collapsed=True)
    told = [note for note in as_is.program.notes if "same for all 64 calibration images" in note]
    assert len(told) == 1
    assert "--static-collapsed" in told[0]
    assert any("exported as constants" in note for note in static.program.notes)
    rows = [next(r for r in low.report if isinstance(r, DynamicThresholdRow)) for low in (as_is, static)]
    assert [row.static for row in rows] == [False, True]
    assert [row.moving for row in rows] == [0, 0]
    assert any(isinstance(n, Compare) for n in as_is.program.nodes)
    assert not any(
        isinstance(n, Compare | Threshold | SumPool2d) and "binarizer" in n.name for n in static.program.nodes
    )
    x = images(SHAPE, 40, seed=4)
    assert (as_is.program.predict(x) == static.program.predict(x)).mean() > 0.95


@pytest.mark.parametrize("level", [1e9, -1e9, 1e15, -1e15, 1e30, -1e30])
def test_a_threshold_out_of_all_reach_makes_its_channel_constant_and_spoils_no_other(level: float) -> None:
    torch.manual_seed(5)
    net = lively(Net(make_binarizer("dysign", CH), "nothing"))
    with torch.no_grad():
        for name, parameter in net.binarizer.named_parameters():
            if name.endswith("weight"):
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    x = images(SHAPE, 40, seed=9)
    wrong, far = [], 3
    for value in (0.0, level):
        net.binarizer.threshold.data[far] = value
        low = lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3), weight_bits=16)
        compared = next(n for n in low.program.nodes if isinstance(n, Compare))
        bits = low.program.trace(x)[compared.output.name]
        found = next(row for row in compare(low, x).rows if row.tensor == compared.output.name)
        wrong.append(found.forced)
    assert (bits[..., far] == (level < 0)).all()
    assert wrong[1] <= wrong[0]


def test_what_a_collapsed_threshold_needed_is_no_longer_told() -> None:
    torch.manual_seed(5)
    net = lively(Net(make_binarizer("asd", CH, reduction=4), "nothing"))
    with torch.no_grad():
        net.binarizer.hyper.second.weight.mul_(1e-4)
    as_is, static = (
        lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3), static_collapsed=on, weight_bits=8)
        for on in (False, True)
    )
    assert any("hyper" in note for note in as_is.program.notes)
    assert not any("hyper" in note for note in static.program.notes)
    assert not any("hyper" in source.tensor.name for source in static.sources)


class Residual(Gate):
    """A threshold network with a sum of two streams in it, whose thresholds hardly move."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean((2, 3))
        return pm1(x + 1e-4 * torch.tanh(means + self.second(F.relu(self.first(means)))).view(x.shape[0], -1, 1, 1))


def test_rows_about_what_nothing_reads_are_dropped_like_notes_and_sources() -> None:
    torch.manual_seed(5)
    net = lively(Net(Residual(CH), "nothing"))
    as_is, static = (
        lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3), static_collapsed=on) for on in (False, True)
    )
    assert [row.layer for row in as_is.report if isinstance(row, StreamRow)] == ["binarizer"]
    assert not any(isinstance(row, StreamRow) for row in static.report)
    assert [row.static for row in static.report if isinstance(row, DynamicThresholdRow)] == [True]


@pytest.mark.parametrize("binarizer", ["asd", "dysign", "lab", "lab_pair"])
def test_without_calibration_one_line_asks_for_it(binarizer: str) -> None:
    net = nn.Sequential(Conv(2, CH, 3), nn.BatchNorm2d(CH), make_binarizer(binarizer, CH), nn.Flatten())
    net.append(nn.Linear(CH * 36, 4))
    with pytest.raises(LowerError, match=r"calibration=x_train\[:256\], --data of `xnorc export`"):
        lowered(lively(net), SHAPE)


def test_zeros_around_images_with_a_mean_are_refused_by_their_cause() -> None:
    torch.manual_seed(5)
    for border in ("zeros", "replicate"):
        stem = nn.Conv2d(2, CH, 3, padding=1, padding_mode=border)
        net = nn.Sequential(stem, nn.BatchNorm2d(CH), make_binarizer("dysign", CH), Conv(CH, 4, 8), nn.Flatten())
        given = {"calibration": images(SHAPE, 64, seed=3), "mean": (0.4, 0.5), "std": (0.2, 0.3)}
        if border == "replicate":
            assert lowered(lively(net), SHAPE, **given).program.nodes
            continue
        with pytest.raises(LowerError, match=r'zeros around images that have a mean.*padding_mode="replicate"'):
            lowered(lively(net), SHAPE, **given)


def test_moving_thresholds_stay_dynamic_whatever_was_asked() -> None:
    torch.manual_seed(5)
    net = lively(Net(AddSign(CH), "clip"))
    low = lowered(net, SHAPE, calibration=images(SHAPE, 64, seed=3), static_collapsed=True)
    assert any(isinstance(n, Compare) for n in low.program.nodes)
    assert not any("calibration images" in note for note in low.program.notes)


class Shifted(Gate):
    """The threshold of a channel comes from the channel beside it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x + super().forward(x).roll(1, dims=1))


class Tiled(Gate):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tile = torch.tensor([[0.1, 0.3], [0.2, -0.4]]).repeat(4, 4)
        return pm1((x + super().forward(x)) - tile)


class Spread(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(x - x.std((2, 3), keepdim=True))


class Padded(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pm1(F.pad(x, (1, 1, 1, 1)) - x.mean((2, 3), keepdim=True))


class OfBits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bits = pm1(x)
        return pm1(bits - 0.5 * bits.mean((2, 3), keepdim=True))


@pytest.mark.parametrize(
    ("binarizer", "what"),
    [
        (lambda: Shifted(CH), "in another order"),
        (lambda: Tiled(CH), "on top of one that changes over the map"),
        (Spread, "real-valued path|of real values that depend on the image"),
        (Padded, "constant elements"),
        (OfBits, "bits are compared"),
    ],
)
def test_other_dynamic_thresholds_are_refused_at_their_line(binarizer: Callable[[], nn.Module], what: str) -> None:
    torch.manual_seed(5)
    net = lively(Net(binarizer(), "clip"))
    with pytest.raises(LowerError, match=what):
        lowered(net, SHAPE, calibration=images(SHAPE, 16, seed=3))


def test_thresholds_that_are_worked_on_as_a_map_are_refused_at_their_line() -> None:
    class Expanded(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pm1(x - x.mean((2, 3), keepdim=True).expand(1, CH, 24, 24) * 0.5)

    torch.manual_seed(5)
    with pytest.raises(LowerError, match="expand them last"):
        lowered(lively(Net(Expanded(), "clip")), (1, 2, 24, 24), calibration=images((1, 2, 24, 24), 16, seed=3))


def test_calibration_is_needed() -> None:
    torch.manual_seed(5)
    with pytest.raises(LowerError, match="calibration"):
        lowered(lively(Net(AddSign(CH), "nothing")), SHAPE)
