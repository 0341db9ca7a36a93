# SPDX-License-Identifier: Apache-2.0
"""Networks without real-valued paths: no bit differs from PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.nets import Bits, Conv, Dither, Linear, compared, digits_like, images, lively, lowered, pm1
from xnorc.errors import LowerError
from xnorc.lower.layer_rows import ThresholdRow
from xnorc.oracle.compare import compare

SHAPE = (1, 1, 8, 8)


def test_the_digits_like_network_differs_in_no_bit_over_a_thousand_images() -> None:
    made = lowered(digits_like(), SHAPE)
    result = compare(made, images(SHAPE, 1000))
    assert [r.free for r in result.rows if r.kind == "bit"] == [0, 0]
    assert result.same_labels == 1000
    assert result.correlation > 0.999999


def test_the_dump_of_the_digits_like_network() -> None:
    assert lowered(digits_like(), SHAPE).program.dump().splitlines()[:5] == [
        "program net: image:u8[8x8x1]",
        "  t_0_bits:bit[8x8x33] = iconv2d(image) 3x3 pad 1,1,1,1 skip thr tile 2x2 flip 8 macs 19008",
        "  t_4_bits:bit[8x8x40] = bconv2d(t_0_bits) 3x3 pad 1,1,1,1 skip thr flip 15 macs 760320",
        "  t_5_pool:bit[4x4x40] = bmaxpool2d(t_4_bits) 2x2 stride 2x2",
        "  t_9_dot:i16[1x1x10] = bconv2d(t_5_pool) 4x4 macs 6400",
    ]


def net(*layers: nn.Module) -> nn.Module:
    return lively(nn.Sequential(*layers))


TAIL = (nn.Flatten(), Linear(5 * 64, 7, bias=False))


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(1, 5, 3, padding=1), nn.BatchNorm2d(5), Bits(), *TAIL),
        (Conv(1, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.PReLU(5, -0.4), nn.BatchNorm2d(5), Bits(), *TAIL),
        (Conv(1, 5, 5, padding="same"), nn.BatchNorm2d(5), Dither([[0.5, -1.0, 0.1]]), *TAIL),
        (Bits(), Conv(1, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), Bits(), *TAIL),
        (
            Conv(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            Bits(),
            Conv(4, 5, (3, 1), padding=(1, 0), dilation=(1, 2)),
            nn.BatchNorm2d(5),
            Bits(),
            *TAIL,
        ),
        (
            Conv(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            Bits(),
            Conv(6, 9, 3, padding=1, groups=3),
            nn.BatchNorm2d(9),
            Bits(),
            nn.ChannelShuffle(3),
            Conv(9, 5, 1, bias=False),
            nn.BatchNorm2d(5),
            Bits(),
            *TAIL,
        ),
        (Conv(1, 5, 3, padding=1), nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(5), Dither([[0.5, -1.0], [0.0, 2.0]]), *TAIL),
        (Conv(1, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), Bits(), nn.MaxPool2d(3, 1, 1), *TAIL),
        (Conv(1, 5, 3, padding=1, bias=False), nn.AvgPool2d(3, 1, 1), nn.BatchNorm2d(5), Bits(), *TAIL),
        (Conv(1, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.BatchNorm2d(5), Bits(), *TAIL),
    ],
    ids=[
        "bias",
        "prelu",
        "odd tile",
        "binary image",
        "dilated",
        "grouped",
        "pool tile",
        "bit pool",
        "avg pool",
        "relu",
    ],
)
def test_no_bit_differs(layers: list[nn.Module]) -> None:
    made, result = compared(net(*layers), SHAPE)
    assert sum(row.undecided or 0 for row in made.report if isinstance(row, ThresholdRow)) == 0
    assert {row.tensor: row.free for row in result.rows if row.free} == {}
    assert result.same_labels == result.images


PADS = {
    "ones": lambda x: F.pad(x, (1, 1, 1, 1), value=1.0),
    "minus ones, asymmetric": lambda x: F.pad(x, (2, 0, 0, 2), value=-1.0),
    "zeros, asymmetric": lambda x: F.pad(x, (0, 2, 2, 0)),
    "half": lambda x: F.pad(x, (1, 1, 1, 1), value=0.5),
    "replicate": lambda x: F.pad(x, (2, 0, 1, 1), mode="replicate"),
    "reflect": lambda x: F.pad(x, (1, 1, 2, 0), mode="reflect"),
}


@pytest.mark.parametrize("pad", PADS)
def test_pads_of_every_kind(pad: str) -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b, self.m = (
                Conv(1, 6, 3, padding=1, bias=False),
                nn.BatchNorm2d(6),
                Conv(6, 5, 3, bias=False),
                nn.BatchNorm2d(5),
            )
            self.c = Linear(320, 4, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(pm1(self.m(self.b(PADS[pad](pm1(self.n(self.a(x))))))).flatten(1))

    _, result = compared(lively(Padded()), SHAPE)
    assert {row.tensor: row.free for row in result.rows if row.free} == {}


def test_normalisation_outside_and_inside_the_model_come_to_the_same_bits() -> None:
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)

    class Inside(nn.Module):
        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body((x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1))

    body = net(Conv(3, 5, 3, padding=1), nn.BatchNorm2d(5), Bits(), nn.Flatten(), Linear(180, 4))
    shape = (1, 3, 6, 6)
    outside, inside = lowered(body, shape, mean=mean, std=std), lowered(Inside(body).eval(), shape)
    x = images(shape, 60)
    assert compare(outside, x).differing_bits == compare(inside, x).differing_bits == 0
    assert (outside.program.run(x) == inside.program.run(x)).all()


def test_a_vector_network_has_a_one_pixel_image() -> None:
    made, result = compared(net(Linear(12, 40), nn.BatchNorm1d(40), Bits(), Linear(40, 3)), (1, 12))
    assert made.program.input.shape == (1, 1, 12)
    assert result.differing_bits == 0
    assert result.same_labels == result.images


def test_a_reachable_sign_of_zero_is_refused_with_integer_and_channel_and_a_tie_rule_settles_it() -> None:
    class Signs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (
                Conv(1, 4, 3, padding=1, bias=False),
                Conv(4, 4, 1, bias=False),
                Linear(256, 3, bias=False),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(torch.sign(self.b(pm1(self.a(x) - 0.31))).flatten(1))

    model = lively(Signs())
    with pytest.raises(LowerError, match=r"the integer 0 in channel 0 .*tie rule"):
        lowered(model, SHAPE)
    x = np.zeros((1, 8, 8, 1), np.uint8)
    for tie in (1, -1):
        made = lowered(model, SHAPE, tie=tie)
        trace = made.program.trace(x)
        dots = lowered(model, SHAPE, tie=tie)
        assert dots.program.dump() == made.program.dump()
        assert trace["b_bits"].shape == (1, 8, 8, 4)
    assert (
        lowered(model, SHAPE, tie=1).program.trace(x)["b_bits"]
        >= lowered(model, SHAPE, tie=-1).program.trace(x)["b_bits"]
    ).all()


def test_an_odd_number_of_taps_cannot_tie() -> None:
    class Signs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (
                Conv(1, 3, 3, padding=1, bias=False),
                Conv(3, 4, 1, bias=False),
                Linear(256, 3, bias=False),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(torch.sign(self.b(pm1(self.a(x) - 0.31))).flatten(1))

    _, result = compared(lively(Signs()), SHAPE)
    assert result.differing_bits == 0


def test_a_chain_that_flips_three_times_is_refused_by_channel() -> None:
    class Wavy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pm1(torch.sin(x * 0.9))

    with pytest.raises(LowerError, match=r"flips \d+ times .* in channel 0"):
        lowered(
            net(
                Conv(1, 4, 3, padding=1, bias=False),
                nn.BatchNorm2d(4),
                Bits(),
                Conv(4, 5, 3, padding=1, bias=False),
                Wavy(),
                *TAIL,
            ),
            SHAPE,
        )


def test_channels_of_equal_constants_keep_their_own_flips() -> None:
    class Polar(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = Conv(1, 6, 3, padding=1, bias=False), Conv(6, 8, 3, bias=False), Linear(288, 3)
            self.register_buffer("pol", torch.tensor([1.0, -1, -1, 1, -1, -1, 1, 1]).view(8, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(pm1(self.b(pm1(self.a(x) - 0.3)) * self.pol - 2.5).flatten(1))

    made, result = compared(lively(Polar()), SHAPE)
    assert result.differing_bits == 0
    assert made.program.nodes[1].thresholds.flip.tolist() == [False, True, True, False, True, True, False, False]


def test_a_network_that_ignores_its_image_is_refused() -> None:
    with pytest.raises(LowerError, match="do not depend on the image"):
        lowered(net(Conv(1, 5, 3, padding=1), nn.PReLU(5, -0.4), Bits(), *TAIL), SHAPE)


@pytest.mark.parametrize(
    "edges",
    [
        lambda x: F.pad(F.pad(x, (1, 0, 0, 2), mode="replicate"), (0, 1, 1, 0)),
        lambda x: F.pad(x, (2, 2, 1, 1), mode="reflect")[:, :, 1:, :9],
        lambda x: x[:, :, 1:7, 2:].flip(1),
    ],
    ids=["replicated inside zeros", "mirrored and cropped", "cropped"],
)
def test_edges_that_no_window_can_take_over(edges: Callable[[torch.Tensor], torch.Tensor]) -> None:
    class Edged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b, self.m = (
                Conv(1, 6, 3, padding=1),
                nn.BatchNorm2d(6),
                Conv(6, 5, 3),
                nn.BatchNorm2d(5),
            )
            self.c = Conv(5, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = pm1(self.m(self.b(edges(pm1(self.n(self.a(x)))))))
            return self.c(x).sum((2, 3))

    _, result = compared(lively(Edged()), SHAPE)
    assert result.differing_bits == 0
    assert result.same_labels == result.images
