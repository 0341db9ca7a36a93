# SPDX-License-Identifier: Apache-2.0
"""Reference networks: published sizes, every binarizer in every network trains a step, options reach their place."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from xnorc.errors import XnorcError
from xnorc.nn import IntConv2d, IntLinear, all_binarizers, all_networks, make_network
from xnorc.nn.layers import BinaryConv2d, BinaryLinear, clip_latent
from xnorc.nn.networks import with_choices
from xnorc.nn.surrogates import Surrogate

NETWORKS = sorted(all_networks())
SHAPES = [(name, size) for name in NETWORKS for size in all_networks()[name].sizes]

# Binary weights at width 1, RGB 32x32 (digits: 8x8 grey), 10 classes: DeSign's notebook counts 14.04 M parameters with
# batch norms, FINN's CNV 1,542,848 weights, SD-BNN's and ReActNet's networks 558, 32.6, 1341 and 3449 KiB.
PUBLISHED = {
    "binarynet_vgg": 14_022_016,
    "finn_cnv": 1_542_848,
    "vgg_small": 558 * 8192,
    "resnet20": 267_264,
    "resnet18": 1341 * 8192,
    "reactnet": 28_253_184,
    "digits": 30_496,
    "compact": 92_160,
}


def binary_weights(model: nn.Module) -> int:
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, BinaryConv2d | BinaryLinear))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_binary_weights_count_as_published(name: str) -> None:
    size = max(all_networks()[name].sizes)
    with torch.device("meta"):
        assert binary_weights(make_network(name, in_ch=3 if size == 32 else 1, size=size)) == PUBLISHED[name]


@pytest.mark.parametrize("binarizer", sorted(all_binarizers()))
@pytest.mark.parametrize(("name", "size"), SHAPES)
def test_every_binarizer_trains_a_step_in_every_network(name: str, size: int, binarizer: str) -> None:
    torch.manual_seed(0)
    model = make_network(name, 4, in_ch=1, size=size, width=0.0625, binarizer=binarizer)
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    x, y = torch.rand(4, 1, size, size), torch.arange(4)
    loss = functional.cross_entropy(model(x), y)
    loss.backward()
    optimiser.step()
    clip_latent(model)
    assert torch.isfinite(loss)
    for key, parameter in model.named_parameters():
        assert torch.isfinite(parameter).all(), key
        assert not key.endswith(("conv.weight", "conv3.weight")) or not torch.equal(parameter, before[key]), key
    model.eval()
    assert torch.isfinite(model(x[:1])).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_convolutions_between_binarizers_see_nothing_but_bits(name: str) -> None:
    size = all_networks()[name].sizes[-1]
    model = make_network(name, 4, in_ch=1, size=size, width=0.0625, binarizer="design").eval()
    ends = {id(m) for m in model.modules() if isinstance(m, IntConv2d | IntLinear)}
    seen: list[set[float]] = []
    for module in model.modules():
        if isinstance(module, BinaryConv2d | BinaryLinear):
            module.register_forward_pre_hook(lambda _, args: seen.append(set(args[0].unique().tolist())))
    model(torch.rand(2, 1, size, size))
    inner = seen[0 if ends else 1 :]  # a first layer with +-1 weights sees pixels
    assert inner
    assert all(values <= {-1.0, 1.0} for values in inner)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_twin_has_no_binary_part(name: str) -> None:
    model = make_network(name, 4, in_ch=1, size=all_networks()[name].sizes[0], width=0.0625, real=True)
    kinds = {type(m).__name__ for m in model.modules()}
    assert not kinds & {"BinaryConv2d", "BinaryLinear", "SignWeight", "Surrogate", "Sign", "IntConv2d", "IntLinear"}


def test_choices_reach_every_layer() -> None:
    model = make_network("vgg_small", width=0.0625, binarizer="asd", weight="wsd", ede_start=0.1, pad_mode="minus")
    steps = [m for m in model.modules() if isinstance(m, Surrogate)]
    assert {(s.name, s.span) for s in steps} == {("ede", (0.1, 10.0))}
    convs = [m for m in model.modules() if isinstance(m, BinaryConv2d)]
    assert {(m.pad_mode, type(m.binarize).__name__) for m in convs} == {("minus", "WSDWeight")}


@pytest.mark.parametrize("ends", ["int8", "real", "sign"])
@pytest.mark.parametrize("name", NETWORKS)
def test_replicated_borders_let_no_zero_into_any_layer(name: str, ends: str) -> None:
    size = all_networks()[name].sizes[0]
    torch.manual_seed(0)
    model = make_network(name, 4, in_ch=1, size=size, width=0.0625, ends=ends, pad_mode="replicate").eval()
    stem = next(m for m in model.modules() if isinstance(m, nn.Conv2d | BinaryConv2d))
    flat = stem(torch.full((1, 1, size, size), 0.5))  # of an even image, every place sees the same
    torch.testing.assert_close(flat, flat[:, :, :1, :1].expand_as(flat))
    for conv in model.modules():
        if isinstance(conv, BinaryConv2d):
            assert conv.pad_mode == "replicate" or not conv.pad


def test_latent_weights_start_as_asked() -> None:
    torch.manual_seed(0)
    for latent, greatest, spread in (("fan", 1, 3**-0.5), ("unit", 288**0.5, (288 / 3) ** 0.5), ("kaiming", 9, 2**0.5)):
        model = make_network("vgg_small", width=0.25, latent=latent)
        weight = next(m for m in model.modules() if isinstance(m, BinaryConv2d)).weight.detach() * 288**0.5
        assert weight[0].numel() == 288
        assert weight.abs().max() <= greatest
        assert weight.std().item() == pytest.approx(spread, rel=0.05)
    with pytest.raises(XnorcError, match="latent weights 'zero'"):
        make_network("vgg_small", latent="zero")


@pytest.mark.parametrize("ends", ["int8", "real", "sign"])
def test_first_and_last_layer_start_as_kaiming_has_it(ends: str) -> None:
    torch.manual_seed(0)
    model = make_network("resnet20", latent="kaiming", ends=ends)
    first, *_, last = [
        m for m in model.modules() if hasattr(m, "weight") and m.weight is not None and m.weight.dim() in (2, 4)
    ]
    for layer in (first, last):
        spread = (2 / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(spread, rel=0.15)


def test_a_tile_beyond_a_hardtanh_is_refused_where_nothing_can_bring_it_back() -> None:
    with pytest.raises(XnorcError, match=r"8 of 16 thresholds of the tile lie beyond the -1 to 1 of"):
        make_network("resnet20", binarizer="design", tile="2x2x4v1")
    for fine in ({"tile": "2x2v1"}, {"learned": True}, {"scaled": True}, {"activation": "none"}):
        make_network("resnet20", binarizer="design", **({"tile": "2x2x4v1"} | fine))


def test_another_binarizer_does_not_inherit_the_options_of_the_one_before() -> None:
    recipe = {"name": "digits", "width": 0.5, "binarizer": "design", "tile": "2x2v1", "surrogate": "bireal"}
    plain = {"name": "digits", "width": 0.5, "surrogate": "bireal"}
    assert with_choices(recipe, {"binarizer": "rsign"}) == {**plain, "binarizer": "rsign"}
    assert with_choices(recipe, {"binarizer": "lab", "pad": "zero"}) == {**plain, "binarizer": "lab", "pad": "zero"}
    assert with_choices(recipe, {"binarizer": "design", "learned": True}) == {**recipe, "learned": True}
    assert with_choices(recipe, {"width": 1.0}) == {**recipe, "width": 1.0}
    shared = {**plain, "binarizer": "asd", "reduction": 8, "static": True}
    assert with_choices(shared, {"binarizer": "dysign"}) == {**plain, "binarizer": "dysign", "reduction": 8}
    assert with_choices(recipe, {"binarizer": "none"})["tile"] == "2x2v1"  # refused by who builds it


@pytest.mark.parametrize(("affine", "gamma", "beta"), [("shift", False, True), ("scale", True, False), ("none", 0, 0)])
@pytest.mark.parametrize("name", ["digits", "finn_cnv", "resnet20", "reactnet"])
def test_batch_norms_learn_what_they_are_asked_to(name: str, affine: str, gamma: bool, beta: bool) -> None:
    torch.manual_seed(0)
    size = max(all_networks()[name].sizes)
    model = make_network(name, 4, in_ch=1, size=size, width=0.0625, affine=affine)
    norms = [m for m in model.features.modules() if isinstance(m, nn.BatchNorm2d)]
    optimiser = torch.optim.Adam(model.parameters(), 1e-2, weight_decay=1e-2)
    functional.cross_entropy(model(torch.rand(8, 1, size, size)), torch.arange(8) % 4).backward()
    optimiser.step()
    assert len(norms) > 2
    for norm in norms:
        assert (norm.weight != 1).any() == gamma
        assert norm.bias.any() == beta
    assert make_network(name, 4, in_ch=1, size=size, width=0.0625).state_dict().keys() == model.state_dict().keys()
    with pytest.raises(XnorcError, match="affine 'gamma'"):
        make_network(name, size=size, affine="gamma")


def test_gamma_scaled_tiles_work_in_residual_networks() -> None:
    model = make_network("resnet20", width=0.25, binarizer="design", scaled=True)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("shortcut", ["slice", "pool", "conv"])
def test_resnet18_takes_every_shortcut(shortcut: str) -> None:
    assert make_network("resnet18", width=0.0625, shortcut=shortcut)(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(XnorcError, match="network finn_cnv: images of 64x64 \\(28x28 or 32x32\\)"):
        make_network("finn_cnv", size=64)
    with pytest.raises(XnorcError, match="there is none called 'lenet'"):
        make_network("lenet")
    with pytest.raises(XnorcError, match=r"nor its binarizer rsign has an option 'depth' .*rsign has none"):
        make_network("resnet20", binarizer="rsign", depth=3)
    with pytest.raises(
        XnorcError, match=r"network resnet18: .*'widht' .*shortcut, size, .*width; design has learned, scaled, tile"
    ):
        make_network("resnet18", binarizer="design", widht=3)
    with pytest.raises(XnorcError, match=r"network compact: classes is 0 \(a whole number"):
        make_network("compact", 0)
    with pytest.raises(XnorcError, match="width is nan"):
        make_network("compact", width=float("nan"))
    with pytest.raises(XnorcError, match="follows no batch norm"):
        make_network("reactnet", binarizer="design", scaled=True)  # its binarizers see sums behind an RPReLU
    with pytest.raises(XnorcError, match=r"network resnet20: width is 'wide' \(a value of type float\)"):
        make_network("resnet20", width="wide")
    with pytest.raises(XnorcError, match="width is -1"):
        make_network("resnet20", width=-1)
    with pytest.raises(XnorcError, match=r"network resnet18: shortcut is True"):
        make_network("resnet18", shortcut=True)
    with pytest.raises(XnorcError, match="there is none called 'max'"):
        make_network("resnet18", shortcut="max")
    with pytest.raises(XnorcError, match=r"binarizer asd: reduction is 0 \(a positive number\)"):
        make_network("resnet20", binarizer="asd", reduction=0)
    with pytest.raises(XnorcError, match="activation 'gelu'"):
        make_network("resnet20", activation="gelu")
