# SPDX-License-Identifier: Apache-2.0
"""Real-valued paths become integer streams that stay close to PyTorch and are exact where they are whole numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.fuzz.steps import steps_differ, unfused
from tests.lower.nets import Bits, Conv, Linear, images, lively, lowered, pm1
from xnorc.capture import capture
from xnorc.errors import LowerError
from xnorc.options import Options
from xnorc.oracle.compare import compare

SHAPE = (1, 2, 8, 8)


class Block(nn.Module):
    """Bi-Real block: a shortcut around one binary convolution, then `after`."""

    def __init__(self, ch: int, after: nn.Module):
        super().__init__()
        self.conv, self.norm, self.after = Conv(ch, ch, 3, padding=1, bias=False), nn.BatchNorm2d(ch), after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(x + 0.1 * self.norm(self.conv(pm1(x))))


class RPReLU(nn.Module):
    def __init__(self, ch: int):
        super().__init__()
        self.a, self.b = (
            nn.Parameter(torch.linspace(-0.3, 0.4, ch).view(1, ch, 1, 1)),
            nn.Parameter(torch.linspace(0.2, -0.1, ch).view(1, ch, 1, 1)),
        )
        self.prelu = nn.PReLU(ch)
        self.prelu.weight.data = torch.linspace(-0.2, 1.5, ch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(x - self.a) + self.b


class ByHand(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x) - 0.25 * F.relu(-x)


AFTER = {
    "nothing": nn.Identity,
    "hardtanh": nn.Hardtanh,
    "relu": nn.ReLU,
    "rprelu": lambda: RPReLU(6),
    "prelu by hand": ByHand,
    "average": lambda: nn.AvgPool2d(2, 1, 1),
    "greatest": lambda: nn.MaxPool2d(3, 1, 1),
    "norm": lambda: nn.BatchNorm2d(6),
}


@pytest.mark.parametrize("after", AFTER)
def test_streams_are_off_by_the_rounding_that_their_bits_explain(after: str) -> None:
    net = lively(
        nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            Block(6, AFTER[after]()),
            Block(6, nn.Identity()),
            nn.BatchNorm2d(6),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 5),
        )
    )
    calibration = images(SHAPE, 40, 1)
    made = lowered(net, SHAPE, calibration=calibration)
    # One step at a time, each tensor is what PyTorch makes of the program's own values before it, but for the rounding
    # that its bits explain: the bounds are derived in tests/fuzz/steps.py.
    options = Options(calibration=calibration)
    step = unfused(capture(net, torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))), options, "net")
    assert steps_differ(step, calibration[:12]) == []
    result = compare(made, images(SHAPE, 60, 2))
    assert not any(row.clipped for row in compare(made, calibration).rows)
    bits = [r for r in result.rows if r.kind == "bit"]
    assert sum(r.forced for r in bits) <= 0.001 * sum(r.elements for r in bits)
    assert result.correlation > 0.99


def test_a_residual_of_whole_numbers_is_exact_and_needs_no_calibration() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b = (
                Conv(2, 6, 3, padding=1, bias=False),
                nn.BatchNorm2d(6),
                Conv(6, 6, 3, padding=1, bias=False),
            )
            self.m, self.c = nn.BatchNorm2d(6), Conv(6, 5, 8, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = pm1(self.n(self.a(x)))
            return self.c(pm1(self.m(self.b(x) + 3 * x))).flatten(1)

    made = lowered(lively(Whole()), SHAPE)
    result = compare(made, images(SHAPE, 60))
    assert result.differing_bits == 0
    assert result.same_labels == result.images


def test_a_stream_without_calibration_is_refused_with_the_source_line() -> None:
    net = nn.Sequential(
        Conv(2, 6, 3, padding=1), nn.BatchNorm2d(6), Block(6, nn.Identity()), Bits(), nn.Flatten(), Linear(384, 3)
    )
    with pytest.raises(LowerError, match=r"test_streams.py:\d+.*calibration"):
        lowered(lively(net), SHAPE)


def test_shortcuts_with_fewer_channels_are_padded_and_subsampled() -> None:
    class OptionA(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b, self.m = (
                Conv(2, 6, 3, padding=1),
                nn.BatchNorm2d(6),
                Conv(6, 10, 3, 2, 1),
                nn.BatchNorm2d(10),
            )
            self.c = Linear(160, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.n(self.a(x))
            x = self.m(self.b(pm1(x))) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 3))
            return self.c(pm1(x).flatten(1))

    made = lowered(lively(OptionA()), SHAPE, calibration=images(SHAPE, 40, 1))
    assert "gather" in [n.op for n in made.program.nodes]
    result = compare(made, images(SHAPE, 60))
    assert result.rows[-1].forced_error is not None
    assert sum(r.forced for r in result.rows if r.kind == "bit") <= 20


def test_what_is_no_piecewise_line_is_refused() -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        Block(6, nn.Tanh()),
        Block(6, nn.Identity()),
        Bits(),
        nn.Flatten(),
        Linear(384, 3),
    )
    with pytest.raises(LowerError, match="neither affine, nor a clip, nor a PReLU"):
        lowered(lively(net), SHAPE, calibration=images(SHAPE, 20))
