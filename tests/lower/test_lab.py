# SPDX-License-Identifier: Apache-2.0
"""LAB on the device: int16 or int8 taps over the sums of the binary convolution ahead, int32 thresholds, no stream.

The program is held to an oracle that knows nothing of it but the rounded taps: float64, padded by hand, with the batch
norm applied before the border is added.  How many bits agree with the taps as trained is bounded loosely.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered
from xnorc.boards import load as load_board
from xnorc.deploy import running
from xnorc.link.session import Verify, stream_samples
from xnorc.lower import Lowered
from xnorc.lower.bits.binarize_point import lower_binarize_point
from xnorc.lower.builder import Builder
from xnorc.lower.dots.calibrated_windows import calibrated_windows
from xnorc.lower.dots.operand import operand
from xnorc.lower.dots.quantise import wide_weights
from xnorc.lower.graph.graph import read_graph
from xnorc.lower.graph.ops import DOTS, is_call
from xnorc.lower.lowering import Answers, Lowering
from xnorc.lower.sources import lower_source
from xnorc.lower.streams.stream import lower_stream
from xnorc.nn import make_network
from xnorc.nn.binarizers.lab import LAB, LABPair
from xnorc.oracle.compare import compare
from xnorc.program import Kind, Program
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu

SHAPE = (1, 2, 9, 8)
FORMS = {"lab": LAB, "lab_pair": LABPair}


def network(form: str, pad: str, pool: bool = False, ch: int = 6, seed: int = 0) -> nn.Sequential:
    """pixels -> bits -> binary conv -> (pool) -> batch norm of both signs -> LAB with random taps, biases -> linear."""
    torch.manual_seed(seed)
    lab = FORMS[form](ch, pad=pad)
    side = (4, 4) if pool else (9, 8)
    net = nn.Sequential(
        Conv(2, 33, 3, padding=1, bias=False),
        nn.BatchNorm2d(33),
        Bits(),
        Conv(33, ch, 3, padding=1, bias=False),
        nn.MaxPool2d(2) if pool else nn.Identity(),
        nn.BatchNorm2d(ch),
        lab,
        nn.Flatten(),
        Linear(ch * side[0] * side[1], 5, bias=False),
    )
    lively(net, seed)
    norm = net[5]
    norm.running_var.mul_(40)
    norm.weight.data[0] = -abs(norm.weight.data[0])
    norm.weight.data[1] = abs(norm.weight.data[1])
    lab.bias.data = torch.randn(ch) * 0.2
    lab.taps.data[2, -1, 1, 1] = -1.5  # a negative centre
    return net


def stencil(program: Program) -> IConv2d:
    """The one node that makes LAB's bits."""
    (found,) = [n for n in program.nodes if isinstance(n, IConv2d) and n.groups > 1]
    return found


def steps(made: Lowered, ch: int) -> np.ndarray:
    """float64 (ch,): what one unit of each channel's taps stands for."""
    convs = [s for s in made.sources if "conv2d" in str(s.node.target)]
    (source,) = [s for s in convs if s.node.args[1].meta["val"].shape[1] < s.node.args[0].meta["val"].shape[1]]
    return source.scale.reshape(ch, -1)[:, 0]


def rounded(net: nn.Sequential, node: IConv2d, step: np.ndarray) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """(input channels of every output, taps as trained times the batch norm's factor, the same as rounded)."""
    norm, lab = net[5], net[6]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)).detach().numpy()
    taps = lab.taps.detach().double().numpy()
    ch, n = taps.shape[:2]
    mine = [[c] if n == 1 else [c // 2, ch // 2 + c // 2] for c in range(ch)]
    real = taps * scale[np.array(mine)][:, :, None, None]
    return mine, real, node.weights.transpose(0, 3, 1, 2) * step[:, None, None, None]


def oracle(net: nn.Sequential, mine: list[list[int]], taps: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """bool (N, C, h, w): LAB's bits in float64 from integer sums (N, C, h, w), by taps on the sums."""
    norm, lab = net[5], net[6]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)).detach().numpy()
    shift = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * scale
    mode: Any = "edge" if lab.pad == "replicate" else "constant"
    spread = ((0, 0), (0, 0), (1, 1), (1, 1))
    ahead, inside = (np.pad(a, spread, mode=mode) for a in (sums.astype(np.float64), np.ones(sums.shape)))
    d, bias = lab.taps.detach().double().numpy(), lab.bias.detach().double().numpy()
    h, w = sums.shape[2:]
    total = np.tile(bias[:, None, None], (len(sums), 1, h, w))
    for c, inputs in enumerate(mine):
        for j, i in enumerate(inputs):
            for ky, kx in np.ndindex(3, 3):
                total[:, c] += taps[c, j, ky, kx] * ahead[:, i, ky : ky + h, kx : kx + w]
                total[:, c] += d[c, j, ky, kx] * shift[i] * inside[:, i, ky : ky + h, kx : kx + w]
    return np.asarray(total > 0)


def sums_and_bits(net: nn.Sequential, program: Program, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Integer sums (N, C, h, w) in the model's own channel order, and LAB's bits by the program."""
    trace = program.trace(images(SHAPE, count, 3))
    first = next(n.output.name for n in program.nodes if n.output.kind is Kind.BIT)
    bits = torch.from_numpy(trace[first].astype(np.float32) * 2 - 1).permute(0, 3, 1, 2)
    with torch.no_grad():
        sums = net[4](net[3](bits)).numpy()
    return sums, trace[stencil(program).output.name].transpose(0, 3, 1, 2).astype(bool)


@pytest.mark.parametrize("pool", [False, True], ids=["", "pool"])
@pytest.mark.parametrize("pad", ["replicate", "zero"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weight_bits", [8, None])
def test_every_bit_is_that_of_the_rounded_taps(weight_bits: int | None, form: str, pad: str, pool: bool) -> None:
    net = network(form, pad, pool)
    made = lowered(net, SHAPE, weight_bits=weight_bits)  # no stream, so no calibration
    node, step = stencil(made.program), steps(made, 6)
    mine, real, taps = rounded(net, node, step)
    assert (np.abs(real - taps).max((1, 2, 3)) <= 0.5001 * step).all()
    sums, bits = sums_and_bits(net, made.program, 100)
    assert np.array_equal(bits, oracle(net, mine, taps, sums))
    assert 0.05 < bits.mean() < 0.95
    assert (bits == oracle(net, mine, real, sums)).mean() > (0.99 if weight_bits == 8 else 0.9999)


@pytest.mark.parametrize("pad", ["replicate", "zero"])
@pytest.mark.parametrize("form", FORMS)
def test_the_sums_are_read_where_they_are(form: str, pad: str) -> None:
    program = lowered(network(form, pad), SHAPE).program
    node = stencil(program)
    assert [n.op for n in program.nodes] == ["iconv2d", "bconv2d", "iconv2d", "bconv2d", "affine"]
    assert program.tensors[node.inputs[0]].kind is Kind.I16
    assert node.window.pad_mode == ("replicate" if pad == "replicate" else "skip")
    assert node.thresholds is not None
    assert node.thresholds.thr.shape == ((1, 1, 6) if pad == "replicate" else (3, 3, 6))  # nine kinds of border


@pytest.mark.parametrize("form", FORMS)
def test_pools_are_of_sums_and_ahead_of_the_taps(form: str) -> None:
    program = lowered(network(form, "replicate", pool=True), SHAPE).program
    assert [n.op for n in program.nodes] == ["iconv2d", "bconv2d", "maxpool2d", "iconv2d", "bconv2d", "affine"]


@pytest.mark.parametrize("pad", ["replicate", "zero"])
def test_a_tie_is_minus_one(pad: str) -> None:
    """Taps of whole numbers and no batch norm: the margin is often exactly 0."""
    net = network("lab", pad)
    net[5] = nn.Identity()
    generator = torch.Generator().manual_seed(3)
    taps = net[6].get_parameter("taps")
    taps.data = torch.randint(-2, 3, taps.shape, generator=generator).float()
    net[6].bias.data.zero_()
    made = lowered(net, SHAPE)
    result = compare(made, images(SHAPE, 60, 4))
    assert result.differing_bits == 0
    sums, bits = sums_and_bits(net, made.program, 60)
    with torch.no_grad():
        margin = net[6].margin(torch.from_numpy(sums)).numpy()
    assert (margin == 0).sum() > 100
    assert not bits[margin == 0].any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("weight_bits", "dtype"), [(None, np.int16), (16, np.int16), (8, np.int8)])
def test_taps_are_int16_unless_8_bits_are_asked_for(form: str, weight_bits: int | None, dtype: type) -> None:
    made = lowered(network(form, "replicate"), SHAPE, weight_bits=weight_bits)
    assert stencil(made.program).weights.dtype == dtype
    different = compare(made, images(SHAPE, 100, 3)).differing_bits
    assert different > 0 if dtype is np.int8 else different == 0


def test_wide_taps_are_as_fine_as_their_sums_fit_32_bits() -> None:
    real = np.random.default_rng(2).normal(size=(50, 9)) * np.logspace(-6, 6, 50)[:, None]
    real[7] = 0
    real[8, 1:] = 0
    for reach in (1, 288, 7281, 7282, 32767):
        q, step = wide_weights(real, reach)
        assert (np.abs(q * step[:, None] - real) <= 0.5001 * step[:, None]).all()
        sums = np.abs(q.astype(int)).sum(axis=1) * reach
        assert sums.max() < 2**31 - 1
        finest = (np.abs(q).max(axis=1) >= 32766) | (sums > 0.999 * 2**31)
        assert finest[np.arange(50) != 7].all()


def test_a_residual_stream_is_read_without_a_copy() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.first, self.lab = Conv(2, 6, 3, padding=1), nn.BatchNorm2d(6), LAB(6)
            self.conv, self.norm, self.second = Conv(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.BatchNorm2d(6)
            self.next, self.head = LAB(6), Linear(6 * 72, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(self.stem(x))
            x = x + self.norm(self.conv(self.lab(x)))
            return self.head(self.next(self.second(x)).flatten(1))

    torch.manual_seed(0)
    made = lowered(lively(Residual()), SHAPE, calibration=images(SHAPE, 40, 1))
    last = [n for n in made.program.nodes if isinstance(n, IConv2d) and n.groups > 1][-1]
    maker = next(n for n in made.program.nodes if n.output.name == last.inputs[0])
    assert maker.op == "add"  # the second batch norm went into the taps
    result = compare(made, images(SHAPE, 60, 2))
    bits = [r for r in result.rows if r.kind == "bit"]
    assert sum(r.forced for r in bits) <= 0.005 * sum(r.elements for r in bits)


def test_permuted_channels_that_others_read_too_are_gathered() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b, self.m = Conv(2, 5, 3), nn.BatchNorm2d(5), Conv(5, 6, 3), nn.BatchNorm2d(6)
            self.lab, self.head, self.other = LABPair(6), Linear(6 * 20, 3), Linear(6 * 20, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.m(self.b(torch.where(self.n(self.a(x)) >= 0, 1.0, -1.0)))
            return self.head(self.lab(x).flatten(1)) + self.other(torch.where(x >= 0, 1.0, -1.0).flatten(1))

    torch.manual_seed(0)
    made = lowered(lively(Both()), SHAPE, calibration=images(SHAPE, 20))
    assert "gather" in [n.op for n in made.program.nodes]
    result = compare(made, images(SHAPE, 60, 2))
    assert sum(r.free for r in result.rows if r.kind == "bit") <= 0.005 * sum(r.elements for r in result.rows)


def test_a_real_head_reads_sums_as_they_are() -> None:
    net = lively(
        nn.Sequential(
            Conv(2, 9, 3),
            nn.BatchNorm2d(9),
            Bits(),
            Conv(9, 7, 3),
            nn.BatchNorm2d(7),
            nn.Flatten(),
            nn.Linear(7 * 20, 5),
        )
    )
    made = lowered(net, SHAPE)  # a stream would want calibration
    assert [n.op for n in made.program.nodes] == ["iconv2d", "bconv2d", "iconv2d", "iconv2d", "mix", "affine"]
    result = compare(made, images(SHAPE, 60, 2))
    assert result.same_labels == result.images
    assert result.correlation > 0.999999


def test_permutations_are_absorbed_without_a_change_of_bits() -> None:
    from xnorc import lower as package
    from xnorc.program.passes.absorb_permutations import absorb_permutations

    passes, package.PASSES = package.PASSES, ()
    try:
        program = lowered(network("lab_pair", "zero", pool=True), SHAPE).program
    finally:
        package.PASSES = passes
    after = absorb_permutations(program)
    after.verify()
    assert "gather" in [n.op for n in program.nodes]
    assert "gather" not in [n.op for n in after.nodes]
    old, new = program.trace(images(SHAPE, 20)), after.trace(images(SHAPE, 20))
    both = set(old) & set(new)
    assert {program.output, next(n.output.name for n in program.nodes if n.op == "gather")} <= both
    for name in both:
        assert np.array_equal(old[name], new[name]), name
    conv = next(n for n in after.nodes if isinstance(n, BConv2d))
    assert conv.output.name not in old  # what has another order has another name


def calibrated(name: str, binarizer: str, pad: str) -> nn.Module:
    """A reference network with batch norms of random affine parts, told of their inputs by one batch."""
    torch.manual_seed(0)
    net = make_network(name, 10, in_ch=3, size=32, width=0.0625, binarizer=binarizer, pad=pad)
    generator = torch.Generator().manual_seed(1)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d):
            m.momentum = None
            if m.affine:
                m.weight.data = torch.randn(m.weight.shape, generator=generator)
                m.bias.data = torch.randn(m.bias.shape, generator=generator) * 0.3
    with torch.no_grad():
        net.train()(torch.rand(16, 3, 32, 32, generator=generator))
    return net.eval()


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["microbit", "mps2_an385", "mps2_an386"])
def test_boards_of_three_cores_give_every_bit(board: str, need: Callable[..., None], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    for form, pad, weight_bits in itertools.product(sorted(FORMS), ["replicate", "zero"], [8, 16]):
        program = lowered(network(form, pad), SHAPE, weight_bits=weight_bits).program
        with running(program, Qemu(load_board(board)), tmp_path / form / pad / str(weight_bits)) as device:
            stream_samples(device.client, images(SHAPE, 3, 5), None, program, Verify.TENSORS)


@pytest.mark.host
@pytest.mark.parametrize("binarizer", sorted(FORMS))
@pytest.mark.parametrize(("name", "pad"), [("finn_cnv", "zero"), ("resnet20", "replicate"), ("vgg_small", "zero")])
def test_reference_networks_run_in_c(
    name: str, binarizer: str, pad: str, need: Callable[..., None], tmp_path: Path
) -> None:
    need("gcc")
    shape = (1, 3, 32, 32)
    made = lowered(calibrated(name, binarizer, pad), shape, calibration=images(shape, 16, 1))
    result = compare(made, images(shape, 6, 2))
    bits = [r for r in result.rows if r.kind == "bit"]
    assert sum(r.forced for r in bits) <= 0.005 * sum(r.elements for r in bits)
    with running(made.program, Host(), tmp_path, sanitize=True) as device:
        stream_samples(device.client, images(shape, 3, 5), None, made.program, Verify.TENSORS)


@pytest.mark.parametrize("form", FORMS)
def test_taps_rounded_for_calibration_images_cost_fewer_bits_on_others(form: str) -> None:
    wrong = {"nearest": 0, "met": 0}
    for pad, seed in itertools.product(("replicate", "zero"), range(3)):
        net = network(form, pad, seed=seed)
        for name, options in (("nearest", {}), ("met", {"calibration": images(SHAPE, 64, seed=8)})):
            made = lowered(net, SHAPE, weight_bits=8, **options)
            assert np.abs(stencil(made.program).weights.astype(int)).max() <= 127
            rows = [row for row in compare(made, images(SHAPE, 100, seed=3)).rows if row.kind == "bit"]
            wrong[name] += sum(row.forced for row in rows)
    assert 0 < wrong["met"] < wrong["nearest"], wrong


def test_what_a_layer_meets_are_the_windows_it_reads() -> None:
    net = network("lab", "zero")
    given = images(SHAPE, 8, seed=8)
    made = lowered(net, SHAPE, calibration=given)
    graph = read_graph(made.captured, made.options)
    lowering = Lowering(graph, Builder(made.program.input), Answers(lower_source, lower_binarize_point, lower_stream))
    conv = next(n for n in made.captured.graph.graph.nodes if is_call(n, DOTS) and n.args[1].meta["val"].shape[1] == 1)
    x = operand(lowering, conv.args[0])
    met = calibrated_windows(graph, conv, x)
    assert met is not None
    sums = next(v for k, v in made.program.trace(given).items() if k == x.tensor.name)  # (8, 9, 8, 6)
    padded = np.pad(sums, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for c in range(6):
        windows = [padded[i, y : y + 3, z : z + 3, c].ravel() for i in range(8) for y in range(9) for z in range(8)]
        np.testing.assert_array_equal(np.rint(met[c]), windows)
