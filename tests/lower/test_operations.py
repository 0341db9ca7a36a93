# SPDX-License-Identifier: Apache-2.0
"""Networks whose operations are easy to believe too much of: the program agrees with the module, or says why not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xnorc import export
from xnorc.errors import XnorcError

Make = Callable[[torch.Tensor], torch.Tensor]
IMAGES = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)


def bit(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, 1.0, -1.0)


class Binary(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, bit(self.weight), None)


class Network(nn.Module):
    """Sums of signs, then `between`, then bits and a binary layer whose whole sums are the logits.

    Args:
        between: from real sums (N, 8, 4, 4) to the input of the last layer.
    """

    def __init__(self, between: Make) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.norm, self.conv = Binary(1, 8, 3), nn.BatchNorm2d(8), Binary(8, 8, 3)
        self.norm.running_mean = torch.randn(8)  # sums differ from channel to channel
        self.last, self.between = nn.Linear(8 * 16, 10, bias=False), between

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums = self.conv(bit(self.norm(self.stem(x))))
        y = self.between(sums).flatten(1)
        return F.linear(y, bit(self.last.weight[:, : y.shape[1]]))


def assert_labels_and_logits_agree(network: nn.Module) -> None:
    """The module as it was given says what the program says: logits are whole sums of bits, up to their scale."""
    program = export(network, torch.zeros(1, 1, 8, 8), calibration=IMAGES)
    with torch.no_grad():
        wanted = network(torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255).numpy()
    scale = program.nodes[-1].output.scale or 1.0
    got = program.run(IMAGES).reshape(wanted.shape) * scale
    assert (np.rint(got) == wanted).all(), program.dump()
    assert np.abs(got - wanted).max() < 1e-6
    assert len(np.unique(wanted.argmax(1))) > 1, "the network does not look at its images"


def sign01(x: torch.Tensor) -> torch.Tensor:
    return torch.sign(F.max_pool2d(F.relu(x), 2))


EXACT: dict[str, Make] = {
    # a jump down at the threshold: sums just above it are smaller than those below
    "threshold": lambda x: bit(F.threshold(x, 1.0, 50.0) - 20.0),
    "threshold that rises": lambda x: bit(F.threshold(x, 1.0, -3.0) - 2.0),
    "threshold behind a pool": lambda x: bit(F.threshold(F.max_pool2d(x, 2), 1.0, 50.0) - 20.0),
    "narrow threshold": lambda x: bit(F.threshold(x, 1.0, 5.0) - 3.0),
    "tenths": lambda x: bit(torch.round(x / 40, decimals=1) - 0.25),
    "slopes below 0": lambda x: bit(F.leaky_relu(x, -0.5) - 3),
    "slopes below 0 behind a pool": lambda x: bit(F.leaky_relu(F.max_pool2d(x, 2), -0.5) - 3),
    "inverted bounds": lambda x: bit(x) + 0 * bit(torch.clamp(x, 2.0, -2.0)),
    "cast to bool": lambda x: bit(F.max_pool2d(x, 2).to(torch.bool).to(torch.float32) - 0.5),
    "one-bit quantizer": lambda x: torch.fake_quantize_per_tensor_affine(x, 1.0, 0, 0, 1) * 2 - 1,
    "quantizer of half steps": lambda x: torch.fake_quantize_per_tensor_affine(x, 2.0, 0, 0, 1) - 1,
    "zero and one behind a pool": sign01,
    "strides": lambda x: bit(x).contiguous().as_strided((1, 8, 4, 4), (128, 16, 4, 1)) if len(x) == 1 else bit(x),
}


CONVOLVED: dict[str, Make] = {
    "repeated channels": lambda x: bit(x[:, :4].repeat_interleave(2, 1)),
    "two tenths": lambda x: torch.round(x.clamp(0, 1) / 3, decimals=1),
    "channels turned about": lambda x: bit(x.roll(3, 1).flip(1)),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_program_agrees_with_the_module(name: str) -> None:
    assert_labels_and_logits_agree(Network(EXACT[name]).eval())


REFUSED: dict[str, tuple[Make, str]] = {
    "turned maps": (lambda x: torch.rot90(bit(x), 1, (2, 3)), "no kernel does"),
    "nearest neighbours": (
        lambda x: bit(F.max_pool2d(x, 2)).repeat_interleave(2, 2).repeat_interleave(2, 3),
        "pads of one kind",
    ),
    "tenths that are summed": (lambda x: torch.round((x / 7).clamp(0, 1), decimals=1), "neither affine, nor a clip"),
    "strides of turned channels": (
        lambda x: bit(x).permute(0, 2, 3, 1).as_strided((1, 8, 4, 4), (128, 16, 4, 1)),
        "as_strided reads the memory",
    ),
}


class Convolved(Network):
    """The same with a binary convolution behind `between`."""

    def __init__(self, between: Make) -> None:
        super().__init__(between)
        self.after = Binary(8, 8, 3, padding=1)
        self.between = lambda x: bit(self.after(between(x)))


@pytest.mark.parametrize("name", CONVOLVED)
def test_moved_channels_are_the_module_s(name: str) -> None:
    assert_labels_and_logits_agree(Convolved(CONVOLVED[name]).eval())


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_program_can_do_is_refused_in_one_line(name: str) -> None:
    between, words = REFUSED[name]
    with pytest.raises(XnorcError, match=words) as refused:
        export(Convolved(between).eval(), torch.zeros(1, 1, 8, 8), calibration=IMAGES)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
