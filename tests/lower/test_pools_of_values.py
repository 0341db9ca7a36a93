# SPDX-License-Identifier: Apache-2.0
"""Max pools of two values that a scale of either sign made: the greater one is not always the set bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.lower.nets import Conv, Linear, images, lively, lowered, pm1
from xnorc.lower.graph.pixels import images_to_float
from xnorc.oracle.compare import compare

SHAPE = (1, 2, 8, 8)


class Pooled(nn.Module):
    """Bits, a scale per channel, a max pool; behind it a head on the values, or the sign of what lies between them."""

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.first, self.second = Conv(2, 4, 3), Conv(4, 5, 2, bias=False)
        self.last = Linear(20, 3) if behind == "sign" else nn.Linear(36, 3)
        self.behind = behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = pm1(self.first(x)) * torch.tensor([-1.0, 2.0, -0.5, 1.0]).view(1, 4, 1, 1) - 0.25
        x = F.max_pool2d(x, 2)
        if self.behind == "sign":
            x = pm1(self.second(pm1(x + 0.25)))
        return self.last(x.flatten(1))


@pytest.mark.parametrize("behind", ["sign", "values"])
def test_a_pool_of_scaled_bits_takes_the_greater_value_of_each_channel(behind: str) -> None:
    net, x = lively(Pooled(behind)), images(SHAPE, 60)
    made = lowered(net, SHAPE, calibration=x)
    assert compare(made, x).differing_bits == 0
    with torch.no_grad():
        want = net(images_to_float(x, torch.zeros(SHAPE), made.options)).argmax(1).numpy()
    assert len(np.unique(want)) > 1
    assert np.array_equal(made.program.predict(x), want)


class Joined(nn.Module):
    """Two parts side by side, each with values of its own in every channel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = Conv(2, 3, 3), Conv(2, 2, 3), nn.Linear(5 * 36, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = pm1(self.first(x)) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
        b = torch.where(self.second(x) > 0, torch.tensor([0.5, 1.5]).view(1, 2, 1, 1), torch.zeros(()))
        return self.last(torch.cat([a, b], 1).flatten(1))


def test_parts_with_values_of_their_own_lie_side_by_side() -> None:
    net, x = lively(Joined()), images(SHAPE, 60)
    made = lowered(net, SHAPE, calibration=x)
    assert compare(made, x).differing_bits == 0
