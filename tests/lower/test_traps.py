# SPDX-License-Identifier: Apache-2.0
"""The traps of the binarizers' papers, one by one, on small networks made of `xnorc.nn`.

Dithered thresholds are held to the closed rule that the papers' arithmetic gives (numbers are whole there, so it has no
rounding) and to PyTorch; weights to the signs of the training graph; what is dynamic to what it collapses to.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered, pm1
from xnorc.lower import Lowered
from xnorc.nn import BinaryConv2d, RPReLU, Stem, make_binarizer, make_network
from xnorc.nn.binarizers.design import DeSign
from xnorc.nn.layers import PADDINGS
from xnorc.nn.weights import all_weight_binarizers
from xnorc.nn.weights.wsd import WSDWeight
from xnorc.oracle.compare import compare
from xnorc.program import Kind
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.compare import Compare
from xnorc.program.nodes.iconv2d import IConv2d

SHAPE = (1, 2, 9, 7)  # odd on both sides
CH = 6


class StrictDeSign(DeSign):
    """+1 where x > T: zero is -1, as in the published plain networks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -self.step(-(x - self.thresholds(x.shape[2], x.shape[3])))


TILE = [[[2, -4], [0, 6]], [[-6, 2], [4, 0]], [[0, 2], [2, -2]], [[4, 4], [-2, 0]]]  # CH is no multiple of 4


def dithered(pool: bool, pad: str, scaled: bool, strict: bool) -> nn.Sequential:
    """pixels -> bits -> binary conv -> [pool] -> batch norm of whole numbers -> DeSign -> linear.

    Channels: gamma 1, -2, 1, -1, 0 and 1; the last but two never fires at all, the last always.
    """
    design = (StrictDeSign if strict else DeSign)(CH, tile=TILE, scaled=scaled)
    norm = nn.BatchNorm2d(CH, eps=0.0)
    net = nn.Sequential(
        Conv(2, 33, 3, padding=1, bias=False),
        nn.BatchNorm2d(33),
        Bits(),
        BinaryConv2d(33, CH, 3, pad=1, pad_mode=pad),
        nn.MaxPool2d(2) if pool else nn.Identity(),
        norm,
        design,
        nn.Flatten(),
        Linear(CH * (12 if pool else 63), 5, bias=False),
    )
    lively(net)
    generator = torch.Generator().manual_seed(1)
    weight = net[3].get_parameter("weight")
    weight.data = torch.randn(weight.shape, generator=generator)
    norm.running_var.fill_(1.0)
    norm.running_mean.copy_(torch.tensor([1.0, -3, 5, 0, 2, 0]) + 8 * pool)  # greatest sums are greater
    norm.weight.data = torch.tensor([1.0, -2, 1, -1, 0, 1])
    norm.bias.data = torch.tensor([2.0, 0, -4, -1000, 2, 1000])
    design.follow(norm)
    return net.eval()


def by_the_rule(net: nn.Sequential, sums: np.ndarray, strict: bool) -> np.ndarray:
    """bool (N, C, h, w) from integer sums: s >= ceil(theta) or s <= floor(theta), theta = (t - B) / A in fractions."""
    norm, design = net[5], net[6]
    out = np.zeros(sums.shape, bool)
    for c, y, x in itertools.product(range(CH), *map(range, sums.shape[2:])):
        gamma, beta, mean = (int(v[c]) for v in (norm.weight, norm.bias, norm.running_mean))
        t = TILE[c % 4][y % 2][x % 2] * (gamma if design.scaled else 1)
        shift = beta - gamma * mean  # gamma * s + shift against t
        if gamma > 0:
            least = (t - shift) // gamma + 1 if strict else -((shift - t) // gamma)
            out[:, c, y, x] = sums[:, c, y, x] >= least
        elif gamma < 0:
            most = -((t - shift) // -gamma) - 1 if strict else (shift - t) // -gamma
            out[:, c, y, x] = sums[:, c, y, x] <= most
        else:
            out[:, c, y, x] = shift > t if strict else shift >= t
    return out


def last_bits(made: Lowered, x: np.ndarray) -> np.ndarray:
    """bool (N, C, h, w) of the last bit tensor that the program makes."""
    name = [n.output.name for n in made.program.nodes if n.output.kind is Kind.BIT][-1]
    return made.program.trace(x)[name].transpose(0, 3, 1, 2).astype(bool)


@pytest.mark.parametrize("strict", [False, True], ids=["tie +1", "tie -1"])
@pytest.mark.parametrize("scaled", [False, True], ids=["", "gamma"])
@pytest.mark.parametrize("pad", ["zero", "replicate"])
@pytest.mark.parametrize("pool", [False, True], ids=["", "pool"])
def test_a_dither_tile_follows_the_closed_rule_in_every_combination(
    pool: bool, pad: str, scaled: bool, strict: bool
) -> None:
    net, x = dithered(pool, pad, scaled, strict), images(SHAPE, 40)
    made = lowered(net, SHAPE)
    assert compare(made, x).differing_bits == 0
    with torch.no_grad():
        first = net[:3](torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255)
        sums = net[3:5](first)  # the pool comes ahead of the batch norm: its greatest sum meets the pooled place's tile
        margin = net[5](sums) - net[6].thresholds(*sums.shape[2:])
    bits = last_bits(made, x)
    assert np.array_equal(bits, by_the_rule(net, sums.numpy().astype(int), strict))
    tied = margin.numpy() == 0
    assert tied[:, :3].any(axis=(0, 2, 3)).all(), "ties are met where gamma is positive and where it is negative"
    assert (bits[tied] != strict).all()
    assert not bits[:, 3].any()
    assert bits[:, 5].all()
    assert all(0.02 < bits[:, c].mean() < 0.98 for c in range(3))


def test_the_worked_example_of_the_published_tile() -> None:
    """128 channels, 3x3, standard deviation sqrt(1152): symbols 1, 1, 0, 3 of `2x2v1` against popcounts."""
    norm = nn.BatchNorm2d(2, eps=0.0)
    net = nn.Sequential(
        Conv(1, 128, 1, bias=False), nn.BatchNorm2d(128), Bits(), Conv(128, 2, 3, bias=False), norm, DeSign(2)
    )
    net = nn.Sequential(*net, nn.Flatten(), Linear(32, 3, bias=False))
    lively(net)
    for key, value in (("running_mean", 0), ("running_var", 1152), ("bias", 0)):
        getattr(norm, key).data.fill_(value)
    norm.weight.data = torch.tensor([1.0, -1.0])
    program = lowered(net, (1, 1, 6, 6)).program
    thresholds = next(n for n in program.nodes if isinstance(n, BConv2d)).thresholds
    assert thresholds is not None
    assert thresholds.flip.tolist() == [False, True]
    thr = thresholds.thr[np.ix_(thresholds.rows[:2], thresholds.cols[:2])].astype(int)
    least = -(-(thr[..., 0] + 1152) // 2)  # popcount P of dot = 2 P - 1152 from which the bit is set
    assert least.tolist() == [[587, 587], [582, 593]]
    most = -(-(thr[..., 1] + 1152) // 2) - 1  # gamma -1: set up to here
    assert most.tolist() == [[565, 565], [570, 559]]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pad", PADDINGS)
def test_every_padding_mode_differs_in_no_bit(pad: str, stride: int) -> None:
    net = nn.Sequential(
        Stem(2, 33, weight="sign", pad_mode="replicate" if pad == "replicate" else "zero"),
        Bits(),
        BinaryConv2d(33, 5, 3, stride=stride, pad=1, pad_mode=pad),
        nn.BatchNorm2d(5),
        Bits(),
        nn.Flatten(),
        Linear(5 * (63 if stride == 1 else 20), 4, bias=False),
    )
    made = lowered(lively(net), SHAPE)
    assert compare(made, images(SHAPE, 60)).differing_bits == 0


@pytest.mark.parametrize("weight", ["int8", "sign"])
def test_replicated_pixels_around_the_first_layer_differ_in_no_bit(weight: str) -> None:
    net = nn.Sequential(
        Stem(2, 9, weight=weight, pad_mode="replicate"), Bits(), nn.Flatten(), Linear(9 * 63, 4, bias=False)
    )
    made = lowered(lively(net), SHAPE)
    (conv,) = [n for n in made.program.nodes if isinstance(n, IConv2d)]
    assert conv.window.pad_mode == "replicate"
    assert compare(made, images(SHAPE, 60)).differing_bits == 0


@pytest.mark.parametrize("name", sorted(all_weight_binarizers()))
def test_stored_weights_are_the_signs_of_the_training_graph(name: str) -> None:
    options: dict[str, Any] = {"factor": 1.0} if name == "wsd" else {}
    conv = BinaryConv2d(33, 8, 3, pad=1, weight=name, **options)
    net = nn.Sequential(
        Conv(2, 33, 3, padding=1), nn.BatchNorm2d(33), Bits(), conv, nn.BatchNorm2d(8), Bits(), nn.Flatten()
    )
    net = lively(nn.Sequential(*net, Linear(8 * 63, 4, bias=False)))
    generator = torch.Generator().manual_seed(2)
    latent = torch.randn(conv.weight.shape, generator=generator)
    latent += 0.5 * torch.randn(8, 1, 1, 1, generator=generator)  # means far enough from zero to turn bits
    latent[0, :2] = 0.0
    latent[1] -= latent[1].mean()
    conv.weight.data = latent
    if isinstance(conv.binarize, WSDWeight):
        conv.binarize.alpha.data = torch.randn(8, generator=generator)
        want = conv.binarize.shifted(latent) >= 0
    else:
        want = latent >= latent.mean((1, 2, 3), keepdim=True) if name == "centred" else latent >= 0
    assert ((want != (latent >= 0)).sum() > 50) == (name in ("wsd", "centred"))
    made = lowered(net, SHAPE)
    (stored,) = [n for n in made.program.nodes if isinstance(n, BConv2d) and n.weights.shape[0] == 8]
    assert np.array_equal(stored.weights.transpose(0, 3, 1, 2) > 0, want.detach().numpy())
    assert compare(made, images(SHAPE, 40)).differing_bits == 0


class Unit(nn.Module):
    """A residual sum and an RPReLU, whose slopes are negative, 0, and above 1, ahead of a dynamic binarizer."""

    def __init__(self, binarizer: nn.Module) -> None:
        super().__init__()
        self.stem, self.conv, self.norm = Stem(2, 12), Conv(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.activate, self.binarizer = RPReLU(12), binarizer
        self.after, self.after_norm, self.head = Conv(12, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.activate(self.norm(self.conv(pm1(x))) + x)
        return self.head(pm1(self.after_norm(self.after(self.binarizer(x)))).mean((2, 3)))


@pytest.mark.parametrize("name", ["asd", "dysign"])
def test_slopes_of_any_sign_ahead_of_dynamic_thresholds(name: str) -> None:
    torch.manual_seed(5)
    net = lively(Unit(make_binarizer(name, 12)))
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        net.activate.before.copy_(torch.randn(12, generator=generator) * 0.5)
        net.activate.after.copy_(torch.randn(12, generator=generator) * 0.5)
        net.activate.slope.copy_(torch.linspace(-1.5, 2.0, 12))
        net.activate.slope[5] = 0.0
        for parameter in net.binarizer.hyper.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    made = lowered(net, SHAPE, calibration=images(SHAPE, 64, 1), weight_bits=16)
    assert any(isinstance(n, Compare) for n in made.program.nodes)
    rows = [row for row in compare(made, images(SHAPE, 40, 2)).rows if row.kind == "bit"]
    assert sum(row.forced for row in rows) <= 0.001 * sum(row.elements for row in rows)


@pytest.mark.parametrize("network", ["digits", "resnet20"])
def test_a_dysign_that_never_left_its_start_becomes_its_rsign_on_request(network: str) -> None:
    made = {}
    size = 8 if network == "digits" else 28
    shape = (1, 1, size, size)
    given = images(shape, 16, 3)
    thresholds = torch.Generator().manual_seed(4)
    state: dict[str, torch.Tensor] = {}
    for name in ("rsign", "dysign"):
        torch.manual_seed(0)
        net = make_network(network, 4, in_ch=1, size=size, width=0.125, binarizer=name)
        if not state:
            state = lively(net).state_dict()
            for key in state:
                if key.endswith("threshold"):
                    state[key] = torch.randn(state[key].shape, generator=thresholds) * 0.2
        left = net.load_state_dict(state, strict=False)
        assert not left.unexpected_keys
        made[name] = lowered(net.eval(), shape, calibration=given, static_collapsed=name == "dysign").program
    assert not any(isinstance(n, Compare) for n in made["dysign"].nodes)
    x = images(shape, 20, 7)
    ours, theirs = (
        [v for k, v in program.trace(x).items() if program.tensors[k].kind is Kind.BIT] for program in made.values()
    )
    assert len(ours) == len(theirs) > 2
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one, other)
    assert (made["rsign"].run(x) == made["dysign"].run(x)).all()


@pytest.mark.parametrize("pad", ["replicate", "zero"])
@pytest.mark.parametrize("name", ["lab", "lab_pair"])
def test_lab_on_a_map_of_one_pixel_is_its_centre_or_the_sum_of_its_taps(name: str, pad: str) -> None:
    """FINN's CNV ends in such maps: replicated edges make all nine taps meet the one sum, zeros leave the centre."""
    torch.manual_seed(0)
    lab = make_binarizer(name, CH, pad=pad)
    net = nn.Sequential(
        Conv(2, 33, 3, bias=False), nn.BatchNorm2d(33), Bits(), Conv(33, CH, (7, 5), bias=False), nn.BatchNorm2d(CH)
    )
    net = lively(nn.Sequential(*net, lab, nn.Flatten(), Linear(CH, 3, bias=False)))
    net[4].running_var.mul_(40)
    made = lowered(net, SHAPE, weight_bits=16)
    x = images(SHAPE, 100)
    assert compare(made, x).differing_bits == 0
    assert 0.02 < last_bits(made, x).mean() < 0.98


def test_a_tile_that_every_channel_learned_for_itself_differs_in_no_bit() -> None:
    design = make_binarizer("design", CH, tile="3x3v1", learned=True)
    net = nn.Sequential(
        Conv(2, 33, 3, padding=1), nn.BatchNorm2d(33), Bits(), Conv(33, CH, 3, padding=1), nn.MaxPool2d(2)
    )
    net = lively(nn.Sequential(*net, nn.BatchNorm2d(CH), design, nn.Flatten(), Linear(CH * 12, 4, bias=False)))
    tile = design.get_parameter("tile")
    tile.data = torch.randn(tile.shape, generator=torch.Generator().manual_seed(8))
    made = lowered(net, SHAPE)
    assert compare(made, images(SHAPE, 60)).differing_bits == 0


def test_an_asd_whose_one_hidden_unit_is_dead_is_told_and_exact_as_a_constant() -> None:
    torch.manual_seed(0)
    asd = make_binarizer("asd", 12)
    assert asd.hyper.first.weight.shape[0] == 1
    net = nn.Sequential(
        Conv(2, 33, 3, padding=1), nn.BatchNorm2d(33), Bits(), Conv(33, 12, 3, padding=1), nn.BatchNorm2d(12)
    )
    net = lively(nn.Sequential(*net, asd, nn.Flatten(), Linear(12 * 63, 4, bias=False)))
    net[4].weight.data[0], net[4].bias.data[0] = 0.01, 5.0  # a channel whose mean is never negative
    asd.hyper.first.weight.data[:] = 0.0
    asd.hyper.first.weight.data[0, 0] = -3.0
    x = images(SHAPE, 40, 3)
    told, static = (lowered(net, SHAPE, calibration=x, static_collapsed=on) for on in (False, True))
    assert any("same for all 40 calibration images" in note for note in told.program.notes)
    assert not any(isinstance(n, Compare) for n in static.program.nodes)
    assert compare(static, images(SHAPE, 60, 4)).differing_bits == 0
