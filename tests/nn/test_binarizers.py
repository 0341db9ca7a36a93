# SPDX-License-Identifier: Apache-2.0
"""Activation binarizers: values, ties, starting points, formulas against slow loops, independence of images."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from xnorc.errors import XnorcError
from xnorc.nn import all_binarizers, make_binarizer
from xnorc.nn.binarizer import Binarizer
from xnorc.nn.binarizers.asd import ASD
from xnorc.nn.binarizers.design import DeSign
from xnorc.nn.binarizers.dysign import DySign
from xnorc.nn.binarizers.lab import LAB, LABPair
from xnorc.nn.discovery import build, classes
from xnorc.nn.surrogates import NAMES as SURROGATES
from xnorc.nn.surrogates import Surrogate, smooth
from xnorc.nn.tiles import tile

NAMES = sorted(all_binarizers())
CH = 8


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shaken(name: str, seed: int = 1, **options: Any) -> nn.Module:
    """A binarizer whose parameters are nowhere special."""
    made = make_binarizer(name, CH, **options)
    with torch.no_grad():
        for number, parameter in enumerate(made.parameters()):
            parameter.add_(0.5 * maps(*parameter.shape, seed=seed + number))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_exactly_minus_or_plus_one(name: str) -> None:
    out = shaken(name)(maps(3, CH, 5, 6))
    assert out.shape == (3, CH, 5, 6)
    assert set(out.unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_the_bit_at_a_margin_of_zero_is_the_declared_one(name: str) -> None:
    made = make_binarizer(name, CH)
    if isinstance(made, DeSign):
        x = made.thresholds(4, 4)
    elif isinstance(made, ASD):
        made.hyper.second.weight.data.zero_()
        x = torch.full((1, CH, 4, 4), -0.5)  # beta = sigmoid(0)
    else:
        x = torch.zeros(1, CH, 4, 4)
    assert (made(x) == made.at_zero).all()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_input_and_every_parameter(name: str) -> None:
    made = shaken(name)
    x = (0.3 * maps(4, CH, 4, 4)).requires_grad_()
    (made(x) * maps(4, CH, 4, 4, seed=9)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    for key, parameter in made.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key


class Smooth(nn.Module):
    """The function whose slope a surrogate is, in the place of the step."""

    def __init__(self, step: Surrogate) -> None:
        super().__init__()
        self.of = step

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        return smooth(self.of.name, v, self.of.steepness)


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_smooth_function_of_the_margin(name: str, surrogate: str) -> None:
    """Through thresholds, tiles, taps and channel means: nothing is detached, and windows move with thresholds."""
    made = shaken(name, surrogate=surrogate).double()
    if surrogate == "ede":
        made.step.set_progress(0.9)
    x, g = (0.4 * maps(3, CH, 4, 5, seed=s).double() for s in (5, 6))
    grads = []
    for step in (made.step, Smooth(cast(Surrogate, made.step))):
        made.step = step
        made.zero_grad()
        given = x.clone().requires_grad_()
        (made(given) * g).sum().backward()
        grads.append([given.grad, *(parameter.grad.clone() for parameter in made.parameters())])
    assert grads[0][0].abs().sum() > 0
    torch.testing.assert_close(*grads)


def test_gamma_feels_the_tile_that_it_scales() -> None:
    norm = nn.BatchNorm2d(CH).double().eval()
    made = DeSign(CH, "identity", scaled=True).double()
    made.follow(norm)
    z, g = maps(2, CH, 4, 4).double(), maps(2, CH, 4, 4, seed=1).double()
    (made(norm(z)) * g).sum().backward()
    normal, t = z / (1 + norm.eps) ** 0.5, made.tile.repeat(CH, 2, 2)
    inside = (normal - t).abs() <= 1
    torch.testing.assert_close(norm.weight.grad, (g * inside * (normal - t)).sum((0, 2, 3)))


@pytest.mark.parametrize("name", NAMES)
def test_one_image_is_binarized_alike_whatever_lies_beside_it(name: str) -> None:
    made, x = shaken(name), maps(5, CH, 6, 6)
    together, order = made(x), torch.tensor([3, 0, 4, 1, 2])
    assert torch.equal(made(x[order]), together[order])
    assert torch.equal(torch.cat([made(x[i : i + 1]) for i in range(5)]), together)


@pytest.mark.parametrize("name", NAMES)
def test_a_binarizer_exports_without_a_trace_of_its_gradient(name: str) -> None:
    made, x = shaken(name).eval(), maps(1, CH, 4, 4)
    graph = torch.export.export(made, (x,)).run_decompositions({})
    assert torch.equal(graph.module()(x), made(x))
    assert "ge" in graph.graph_module.code
    assert "autograd" not in graph.graph_module.code


def test_flat_inputs_get_plain_sign_in_place_of_binarizers_that_need_a_map() -> None:
    for name, kind in all_binarizers().items():
        assert type(make_binarizer(name, CH, flat=True)) is (all_binarizers()["sign"] if kind.spatial else kind)
    assert all_binarizers()["design"].spatial
    assert not all_binarizers()["rsign"].spatial


def test_rsign_and_dysign_start_as_sign() -> None:
    x = maps(4, CH, 5, 5)
    want = make_binarizer("sign", CH)(x)
    assert torch.equal(make_binarizer("rsign", CH)(x), want)
    assert torch.equal(make_binarizer("dysign", CH)(x), want)


def test_dysign_takes_over_a_trained_rsign_exactly() -> None:
    rsign, dysign, x = shaken("rsign"), make_binarizer("dysign", CH), maps(4, CH, 5, 5)
    left = dysign.load_state_dict(rsign.state_dict(), strict=False)
    assert not left.unexpected_keys
    assert torch.equal(dysign(x), rsign(x))
    g = maps(4, CH, 5, 5, seed=3)
    grads = []
    for made in (rsign, dysign):
        made.zero_grad()
        (made(x) * g).sum().backward()
        grads.append(made.get_parameter("threshold").grad)
    assert grads[0] is not None
    assert grads[1] is not None
    assert torch.equal(grads[0], grads[1])


def test_dysign_thresholds_follow_the_formula() -> None:
    made, x = shaken("dysign"), maps(3, CH, 4, 5)
    assert isinstance(made, DySign)
    first, second = made.hyper.first, made.hyper.second
    for image in range(3):
        z = x[image].mean((1, 2))
        u = second.weight @ (first.weight @ z + first.bias).clamp_min(0) + second.bias
        want = made.threshold + made.spread * torch.tanh(u / 2)  # 2 sigmoid(u) - 1
        torch.testing.assert_close(made.thresholds(x)[image], want)


def test_dysign_variants_have_the_shapes_they_say() -> None:
    made = make_binarizer("dysign", 64, reduction=8, stat="mean+std", sides="positive")
    assert isinstance(made, DySign)
    assert made.hyper.first.weight.shape == (8, 128)
    assert (made.thresholds(maps(2, 64, 3, 3)) == 0.5).all()
    assert make_binarizer("dysign", 16).hyper.first.weight.shape == (4, 16)


def test_asd_shifts_by_a_sigmoid_so_it_only_turns_bits_on() -> None:
    made, x = shaken("asd"), maps(3, CH, 4, 5)
    assert isinstance(made, ASD)
    z = x.mean((2, 3))
    beta = torch.sigmoid((z @ made.hyper.first.weight.T).clamp_min(0) @ made.hyper.second.weight.T)
    torch.testing.assert_close(made.shift(x), beta)
    assert (made(x) >= make_binarizer("sign", CH)(x)).all()


def test_asd_has_one_hidden_unit_for_sixteen_channels_unless_told_and_no_biases() -> None:
    assert make_binarizer("asd", 16).hyper.first.weight.shape == (1, 16)
    assert make_binarizer("asd", 16, floor=4).hyper.first.weight.shape == (4, 16)
    assert make_binarizer("asd", 16).hyper.first.bias is None
    assert [name for name, _ in make_binarizer("asd", 16, static=True).named_parameters()] == ["logit"]


def lab_loop(x: np.ndarray, taps: np.ndarray, bias: np.ndarray, edge: bool) -> np.ndarray:
    """D * x + d, one product at a time; beyond the map the nearest pixel (edge) or nothing."""
    channels, h, w = x.shape
    out = np.zeros_like(x)
    for c in range(channels):
        for row in range(h):
            for col in range(w):
                total = bias[c]
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        r, q = row + dy, col + dx
                        if edge:
                            r, q = min(max(r, 0), h - 1), min(max(q, 0), w - 1)
                        elif not (0 <= r < h and 0 <= q < w):
                            continue
                        total += taps[c, 0, dy + 1, dx + 1] * x[c, r, q]
                out[c, row, col] = total
    return out


@pytest.mark.parametrize("pad", ["replicate", "zero"])
def test_lab_is_a_depthwise_kernel_whose_positive_sums_are_set(pad: str) -> None:
    made = LAB(CH, pad=pad).double()
    made.bias.data = maps(CH, seed=4).double()
    x = maps(1, CH, 4, 5).double()
    want = lab_loop(x[0].numpy(), made.taps.detach().numpy(), made.bias.detach().numpy(), pad == "replicate")
    assert np.array_equal(made(x)[0].detach().numpy(), np.where(want > 0, 1, -1))


def test_lab_equals_the_comparison_of_two_maps_and_its_soft_gradient() -> None:
    torch.manual_seed(0)
    two = nn.Conv2d(CH, 2 * CH, 3, padding=1, groups=CH).double()  # output channels c * 2 + q
    lab = LAB(CH, pad="zero").double()
    lab.take_over(two.weight, two.get_parameter("bias"))
    assert torch.equal(lab.taps, two.weight[1::2] - two.weight[0::2])
    x, g = (maps(2, CH, 5, 5, seed=s).double() for s in (0, 1))
    y = two(x).reshape(2, CH, 2, 5, 5)
    assert torch.equal(lab(x), y.argmax(2) * 2.0 - 1)
    # backward of 2 softmax(y)[1] - 1 with respect to the bias d = b1 - b0
    d = lab.bias.detach().clone().requires_grad_()
    soft = (
        2
        * torch.softmax(
            torch.stack(
                [
                    torch.zeros_like(x),
                    lab.margin(x).detach() - lab.bias.detach().reshape(-1, 1, 1) + d.reshape(-1, 1, 1),
                ],
                2,
            ),
            2,
        )[:, :, 1]
        - 1
    )
    (soft * g).sum().backward()
    (lab(x) * g).sum().backward()
    torch.testing.assert_close(lab.bias.grad, d.grad)


@pytest.mark.parametrize("beta", [2.5, -0.7, 0.0])
@pytest.mark.parametrize("form", [LAB, LABPair])
def test_kernels_trained_as_two_maps_are_taken_over_whatever_sign_beta_has(form: type[LAB], beta: float) -> None:
    torch.manual_seed(0)
    two = nn.Conv2d(CH, 2 * CH, 3, padding=1, groups=CH).double()
    made, x = form(CH, pad="zero").double(), maps(2, CH, 5, 5).double()
    made.take_over(two.weight, two.get_parameter("bias"), beta)
    shape, axis = ((2, CH, 2, 5, 5), 2) if form is LAB else ((2, 2, CH, 5, 5), 1)  # as drawn; as the code reshapes
    assert torch.equal(made(x), (beta * two(x)).reshape(shape).argmax(axis) * 2.0 - 1)
    with pytest.raises(XnorcError, match=r"\(16, 1, 3, 3\) and \(16,\)"):
        made.take_over(two.weight[:8], two.bias[:8])


def test_lab_pair_compares_the_channels_that_the_published_reshape_compares() -> None:
    torch.manual_seed(0)
    two = nn.Conv2d(CH, 2 * CH, 3, padding=1, groups=CH, bias=False).double()
    x = maps(2, CH, 5, 5).double()
    published = two(x).reshape(2, 2, CH, 5, 5).argmax(1) * 2.0 - 1  # flat j against flat C + j
    pair = LABPair(CH, pad="zero").double()
    half = CH // 2
    for j in range(CH):
        low, high, q = j // 2, half + j // 2, j % 2
        pair.taps.data[j, 0] = -two.weight[2 * low + q, 0]
        pair.taps.data[j, 1] = two.weight[2 * high + q, 0]
    assert torch.equal(pair(x), published)


def test_lab_starts_at_the_difference_of_two_glorot_kernels() -> None:
    torch.manual_seed(0)
    bound = (6 / (9 * 64 + 18)) ** 0.5  # not PyTorch's bound of a depthwise kernel, 1/3
    single, pair = LAB(64), LABPair(64)
    assert bound < single.taps.abs().max() <= 2 * bound
    assert single.taps.var().item() == pytest.approx(2 * bound**2 / 3, rel=0.15)  # of two uniform ones
    assert 0.9 * bound < pair.taps.abs().max() <= bound
    assert not single.bias.any()
    assert not pair.bias.any()


def test_the_hidden_layers_of_dynamic_binarizers_start_as_the_authors() -> None:
    torch.manual_seed(0)
    asd, dysign = ASD(256), DySign(256)
    for layer in (asd.hyper.first, asd.hyper.second, dysign.hyper.first):  # normal, variance 2 / fan-in
        assert layer.weight.std().item() == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.1)
    assert not dysign.hyper.first.bias.any()
    assert not dysign.hyper.second.weight.any()
    assert not dysign.hyper.second.bias.any()
    assert torch.equal(ASD(16, static=True).shift(maps(2, 16, 3, 3)), torch.full((16,), 0.5))


def test_lab_can_start_close_to_sign() -> None:
    x = maps(4, CH, 8, 8)
    agree = (LAB(CH, init="centre")(x) == make_binarizer("sign", CH)(x)).float().mean()
    assert agree > 0.95
    with pytest.raises(XnorcError, match="an even number"):
        LABPair(7)


def test_design_repeats_the_tile_over_rows_columns_and_channels() -> None:
    made = DeSign(CH, tile="2x2x4v1")
    want = tile("2x2x4v1")
    tau = made.thresholds(5, 7)
    for c in range(CH):
        for y in range(5):
            for x in range(7):
                assert tau[0, c, y, x] == want[c % 4, y % 2, x % 2]


def test_design_takes_channels_that_the_slices_do_not_divide() -> None:
    assert DeSign(6, tile="2x2x4v1").thresholds(2, 2)[0, 5, 0, 0] == tile("2x2x4v1")[1, 0, 0]


def test_a_gamma_scaled_tile_equals_the_unscaled_one_on_normalised_values() -> None:
    norm = nn.BatchNorm2d(CH).eval()
    norm.weight.data = maps(CH, seed=2)  # of both signs
    norm.bias.data = maps(CH, seed=3)
    z = maps(2, CH, 6, 6).double()
    scaled = DeSign(CH, scaled=True)
    scaled.follow(norm)
    gamma, beta = (v.detach().double().reshape(1, -1, 1, 1) for v in (norm.weight, norm.bias))
    got = scaled.double()(gamma * z + beta)
    want = torch.where(gamma * (z - torch.from_numpy(tile("2x2v1")).double().repeat(1, 3, 3)) + beta >= 0, 1.0, -1.0)
    assert torch.equal(got, want.double())
    assert "norm" not in "".join(scaled.state_dict())


def test_a_gamma_scaled_tile_without_its_batch_norm_is_refused() -> None:
    with pytest.raises(XnorcError, match="call follow"):
        DeSign(CH, scaled=True)(maps(1, CH, 4, 4))
    for norm in (nn.BatchNorm2d(CH, affine=False), None):
        with pytest.raises(XnorcError, match="no batch norm with a gamma"):
            DeSign(CH, scaled=True).follow(norm)


def test_a_learned_tile_starts_at_the_named_one_and_belongs_to_each_channel() -> None:
    fixed, learned, x = DeSign(CH), DeSign(CH, learned=True), maps(2, CH, 4, 4)
    assert torch.equal(fixed(x), learned(x))
    assert [(key, tuple(p.shape)) for key, p in learned.named_parameters()] == [("tile", (CH, 2, 2))]
    assert not list(fixed.parameters())


def test_unknown_names_and_options_are_refused_with_those_there_are() -> None:
    with pytest.raises(XnorcError, match=f"one of {', '.join(NAMES)}"):
        make_binarizer("signum", CH)
    with pytest.raises(XnorcError, match="binarizer sign: it has no option 'tile'"):
        make_binarizer("sign", CH, tile="2x2v1")
    with pytest.raises(XnorcError, match="no DeSign tile is called '4x4'"):
        make_binarizer("design", CH, tile="4x4")
    for tile_given in ([[1, 2], [3]], [], [[float("nan")]], 7):
        with pytest.raises(XnorcError, match="DeSign: "):
            make_binarizer("design", CH, tile=tile_given)
    with pytest.raises(XnorcError, match="ASD: channels is 0"):
        make_binarizer("asd", 0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sign"])
def test_inputs_of_another_shape_are_refused_with_the_one_that_is_wanted(name: str) -> None:
    with pytest.raises(XnorcError, match=rf"an input of shape \(2, 1, 4, 4\) \(\(N, {CH}, "):
        make_binarizer(name, CH)(maps(2, 1, 4, 4))  # one channel would be spread over all of them
    if all_binarizers()[name].spatial:
        with pytest.raises(XnorcError, match=rf"an input of shape \(2, {CH}\) "):
            make_binarizer(name, CH)(maps(2, CH))


def test_a_tile_may_be_given_as_rows_of_numbers() -> None:
    rows = [[0.5, 1], [0, -1]]
    for given in (rows, np.array(rows), torch.tensor(rows, requires_grad=True)):
        assert make_binarizer("design", CH, tile=given).thresholds(2, 2)[0, 3].tolist() == rows


def test_a_class_without_a_name_is_told_not_passed_over() -> None:
    module = ModuleType("xnorc.nn.binarizers.toy")

    class Toy(Binarizer):
        nmae = "toy"

    Toy.__module__ = module.__name__
    module.Toy = Toy
    package = ModuleType("toys")
    package.__path__ = []
    with (
        mock.patch("pkgutil.iter_modules", return_value=[SimpleNamespace(name="toy")]),
        mock.patch("importlib.import_module", return_value=module),
        pytest.raises(XnorcError, match=r"toy\.Toy: has no `name`"),
    ):
        classes(package, Binarizer)


def test_numbers_are_positive_unless_their_class_says_otherwise() -> None:
    class Toy(Binarizer):
        name = "toy"
        signed = ("offset",)

        def __init__(self, channels: int, offset: float = 1.0, gain: float = 1.0) -> None:
            super().__init__(channels)

    assert isinstance(build(Toy, "binarizer", "toy", 4, offset=-0.5), Toy)
    for options, message in (({"gain": -0.5}, "gain is -0.5"), ({"offset": float("inf")}, "offset is inf")):
        with pytest.raises(XnorcError, match=message):
            build(Toy, "binarizer", "toy", 4, **options)
