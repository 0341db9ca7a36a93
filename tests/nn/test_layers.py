# SPDX-License-Identifier: Apache-2.0
"""Binary layers and weight binarizers: two values a filter, padding against loops, ties, int8 ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xnorc.errors import XnorcError
from xnorc.nn import BinaryConv2d, BinaryLinear, IntConv2d, IntLinear, RPReLU, Stem
from xnorc.nn.ends import int8
from xnorc.nn.layers import PADDINGS, clip_latent, set_real_weights
from xnorc.nn.weights import all_weight_binarizers, make_weight_binarizer
from xnorc.nn.weights.wsd import WSDWeight

NAMES = sorted(all_weight_binarizers())


def latent(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
def test_weights_take_two_opposite_values_per_filter(name: str) -> None:
    out = make_weight_binarizer(name, 5)(latent(5, 3, 3, 3))
    for one in out.detach():
        low, high = one.unique().tolist()
        assert low == -high


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_on_the_threshold_is_positive(name: str) -> None:
    w = torch.tensor([[-1.0, 1.0, 0.0, -0.0]])  # mean 0
    assert (make_weight_binarizer(name, 1)(w)[0, 2:] > 0).all()


def test_scales_are_mean_magnitudes_without_gradient() -> None:
    w = latent(2, 4).requires_grad_()
    out = make_weight_binarizer("scaled", 2)(w)
    torch.testing.assert_close(out.abs()[:, 0], w.abs().mean(1))
    out.sum().backward()
    inside = (w.abs() <= 1) * w.abs().mean(1, keepdim=True)
    torch.testing.assert_close(w.grad, inside.detach())
    centred = make_weight_binarizer("centred", 2, scale=True)(w)
    torch.testing.assert_close(centred.abs()[:, 0], w.abs().mean(1))
    assert torch.equal(centred > 0, w >= w.mean(1, keepdim=True))


def test_wsd_adds_a_share_of_the_mean_that_is_half_a_percent_at_first() -> None:
    made, w = make_weight_binarizer("wsd", 3), latent(3, 4, 2, 2).requires_grad_()
    assert isinstance(made, WSDWeight)
    means = w.detach().mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(made.shifted(w), w + 0.5 * 0.01 * means)
    made.shifted(w).sum().backward()
    assert w.grad is not None
    assert torch.equal(w.grad, torch.ones_like(w))  # the mean passes no gradient
    torch.testing.assert_close(made.alpha.grad, 0.25 * 0.01 * means.flatten() * 16)


@pytest.mark.parametrize("mode", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_gives_the_sums_of_a_loop(mode: str, stride: int) -> None:
    conv = BinaryConv2d(3, 4, 3, stride=stride, pad=1, pad_mode=mode)
    x = torch.where(latent(1, 3, 5, 6) >= 0, 1.0, -1.0)
    out = conv(x)[0]
    signs = np.where(conv.weight.detach().numpy() >= 0, 1, -1)
    values = x[0].numpy()
    for o in range(4):
        for row in range(out.shape[1]):
            for col in range(out.shape[2]):
                total = 0.0
                for dy in range(3):
                    for dx in range(3):
                        r, q = row * stride + dy - 1, col * stride + dx - 1
                        outside = not (0 <= r < 5 and 0 <= q < 6)
                        if outside and mode == "zero":
                            continue
                        column = values[:, min(max(r, 0), 4), min(max(q, 0), 5)]
                        if outside and mode != "replicate":
                            column = np.full(3, -1.0 if mode == "minus" else 1.0)
                        total += float((column * signs[o, :, dy, dx]).sum())
                assert out[o, row, col] == total


def test_the_linear_layer_is_a_dot_of_signs() -> None:
    layer, x = BinaryLinear(33, 5), torch.where(latent(4, 33) >= 0, 1.0, -1.0)
    assert torch.equal(layer(x), x @ torch.where(layer.weight >= 0, 1.0, -1.0).T)


def test_real_weights_are_used_as_they_are_until_binarized_again() -> None:
    layer, x = BinaryLinear(8, 3), latent(2, 8)
    set_real_weights(layer, True)
    assert torch.equal(layer(x), x @ layer.weight.T)
    set_real_weights(layer, False)
    assert torch.equal(layer(x), x @ torch.where(layer.weight >= 0, 1.0, -1.0).T)


def test_real_weights_leave_no_parameter_without_a_gradient() -> None:
    layer = BinaryLinear(8, 3, weight="wsd")
    for real in (True, False):
        set_real_weights(layer, real)
        layer.zero_grad()
        layer(latent(2, 8)).sum().backward()
        assert all(p.requires_grad == (p.grad is not None) for p in layer.parameters())
        assert layer.binarize.alpha.requires_grad != real


def test_latent_weights_are_clipped_and_nothing_else() -> None:
    model = torch.nn.Sequential(BinaryLinear(4, 4), torch.nn.Linear(4, 4))
    for parameter in model.parameters():
        parameter.data.fill_(3.0)
    clip_latent(model)
    assert [float(p.detach().max()) for p in model.parameters()] == [1.0, 3.0, 3.0]


@pytest.mark.parametrize("layer", [IntConv2d(3, 4, 3, bias=False), IntLinear(20, 4)], ids=["conv", "linear"])
def test_int8_weights_are_integers_times_a_scale_that_127_reaches(layer: torch.nn.Module) -> None:
    quantised = int8(layer.weight.detach()).flatten(1).double()
    scale = quantised.abs().amax(1, keepdim=True) / 127
    levels = quantised / scale
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert (levels.abs().amax(1).round() == 127).all()
    assert (quantised - layer.weight.detach().flatten(1)).abs().max() <= scale.max() / 2 * 1.0001


def test_the_int8_rounding_passes_its_gradient_and_survives_zeros() -> None:
    w = torch.zeros(2, 3, requires_grad=True)
    (int8(w) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert w.grad.tolist() == [[1, 2, 3]] * 2


def test_rprelu_starts_as_a_prelu_and_shifts_on_both_sides() -> None:
    made, x = RPReLU(3), latent(2, 3, 4, 4)
    assert torch.equal(made(x), torch.where(x > 0, x, 0.25 * x))
    made.before.data, made.slope.data, made.after.data = (latent(3, seed=s) for s in (1, 2, 3))
    b, s, a = (v.detach().reshape(1, 3, 1, 1) for v in (made.before, made.slope, made.after))
    assert torch.equal(made(x), torch.where(x + b > 0, x + b, s * (x + b)) + a)


def test_int8_layers_take_every_argument_of_torchs() -> None:
    torch.manual_seed(0)
    for given in ({}, {"bias": False}, {"padding": 2, "padding_mode": "replicate"}, {"groups": 2, "dilation": 2}):
        ours = IntConv2d(4, 6, 3, **given)
        theirs = torch.nn.Conv2d(4, 6, 3, **given)
        theirs.load_state_dict({**ours.state_dict(), "weight": int8(ours.weight.detach())})
        x = latent(2, 4, 7, 6)
        assert torch.equal(ours(x), theirs(x))
    assert IntConv2d(4, 6, 3).bias is not None


@pytest.mark.parametrize("weight", ["int8", "real", "sign"])
def test_a_stem_may_repeat_its_edges(weight: str) -> None:
    torch.manual_seed(0)
    zero, edge = Stem(2, 3, weight=weight), Stem(2, 3, weight=weight, pad_mode="replicate")
    taps = torch.randint(-127, 128, (3, 2, 3, 3)) / 64  # as 8-bit weights they are themselves, and every sum is exact
    taps[:, 0, 0, 0] = 127 / 64
    zero[0].get_parameter("weight").data = taps
    edge.load_state_dict(zero.state_dict())
    x = torch.randint(-16, 17, (1, 2, 5, 5)) / 8
    around = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge"))
    assert torch.equal(edge[0](x), zero[0](around)[:, :, 1:-1, 1:-1])
    with pytest.raises(XnorcError, match="Stem: padding mode 'minus'"):
        Stem(2, 3, weight=weight, pad_mode="minus")  # -1 is no pixel


@pytest.mark.parametrize("weight", ["int8", "real", "sign"])
def test_a_stem_is_a_convolution_and_a_batch_norm(weight: str) -> None:
    assert Stem(1, 6, 3, stride=2, weight=weight)(latent(2, 1, 8, 8)).shape == (2, 6, 4, 4)


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(XnorcError, match="padding mode 'same'"):
        BinaryConv2d(1, 1, 3, pad_mode="same")
    with pytest.raises(XnorcError, match="one of centred, scaled, sign, wsd"):
        BinaryLinear(2, 2, weight="ternary")
    with pytest.raises(XnorcError, match="3 to 8 channels"):
        BinaryConv2d(3, 8, 3, groups=2)
    with pytest.raises(XnorcError, match=r"kernel is \(3, 3\)"):
        BinaryConv2d(3, 8, (3, 3))  # type: ignore[arg-type]
    with pytest.raises(XnorcError, match="weights 'int4'"):
        Stem(1, 1, weight="int4")
