# SPDX-License-Identifier: Apache-2.0
"""What has no meaning as a fixed function of one image is refused in one line that names the user's own source line."""

from __future__ import annotations

import re
from typing import cast

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorc.capture import capture, run_logits
from xnorc.errors import CaptureError

X = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
HERE = r"test_refusals\.py:\d+ `.*"


class Base(nn.Module):
    """A small real network; the subclasses break it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.count: torch.Tensor
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)).mean((2, 3))


class WritesBuffer(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return super().forward(x)


class WritesInput(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.mul_(2)
        return super().forward(x)


class TrainsInForward(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(self.conv(x), None, None, training=True).mean((2, 3))


class UpdatesStatistics(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.norm.train()
        return super().forward(x)


class NoRunningStatistics(Base):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, track_running_stats=False)


class Stochastic(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return torch.where(torch.rand_like(x) < torch.sigmoid(x), 1.0, -1.0).mean((2, 3))


class DropsOutAlways(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(super().forward(x), 0.5, training=True)


class Branches(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        if x.max() > 1:
            x = x / 2
        return x.mean((2, 3))


class TakesItem(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * x.abs().max().item()


class Selects(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x[x > 0].sum().view(1, 1)


class Fails(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return undefined_name(x)  # type: ignore[name-defined]  # noqa: F821


class TwoInputs(Base):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + y


class TwoOutputs(Base):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(x), x


class Remembers(Base):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


class DividesByZero(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.conv.weight / (self.count * 0), padding=1).clamp(0, 1).nan_to_num().mean((2, 3))


class OpensAutocast(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.autocast("cpu", dtype=torch.bfloat16).__enter__()
        return super().forward(x)


class Decides(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).argmax(1)


class Recurses(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while x.sum() < 100:
            x = x + 1
        return super().forward(x)


REFUSED = {
    WritesBuffer: HERE + "self.count \\+= 1.*writes to `count`",
    WritesInput: HERE + "x.mul_.*writes to its input",
    TrainsInForward: HERE + "training=True.*statistics of the batch",
    UpdatesStatistics: "writes to `norm.",
    NoRunningStatistics: "statistics of the batch",
    Stochastic: HERE + "rand_like.*random",
    DropsOutAlways: HERE + "F.dropout.*random",
    Branches: HERE + "if x.max.*depends on data",
    TakesItem: HERE + "item.*Python number",
    Selects: HERE + "x\\[x > 0\\].*depends on data",
    Fails: HERE + "undefined_name.*the model itself fails: NameError",
    TwoInputs: "the model itself fails: TypeError.*missing 1 required positional argument",
    TwoOutputs: "returns 2 tensors.*output=.*--logits",
    Decides: HERE + "argmax.*gives torch.int64.*return the logits",
    Remembers: "differs from the model",
    DividesByZero: HERE + "constants gives NaN",
    Recurses: HERE + "while x.sum.*depends on data",
}


@pytest.mark.parametrize("broken", REFUSED, ids=lambda cls: cls.__name__)
def test_a_broken_model_is_refused_by_its_line(broken: type[Base]) -> None:
    with pytest.raises(CaptureError) as caught:
        capture(broken(), X)
    assert re.search(REFUSED[broken], str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_autocast_left_open_is_refused() -> None:
    try:
        with pytest.raises(CaptureError, match="autocast"):
            capture(OpensAutocast(), X)
    finally:
        torch.set_autocast_enabled("cpu", False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Base, "is the class Base"),
        (Base().state_dict(), "is a OrderedDict"),
        (Base().half(), "computes in torch.float16"),
    ],
)
def test_what_is_no_module_of_full_floats_is_refused(given: object, says: str) -> None:
    with pytest.raises(CaptureError, match=says):
        capture(given, X.half() if isinstance(given, nn.Module) else X)  # type: ignore[arg-type]


def test_the_module_inside_a_compiled_one_is_captured() -> None:
    plain = Base()
    compiled = cast(nn.Module, torch.compile(plain))
    assert torch.equal(run_logits(capture(compiled, X).graph, X), run_logits(capture(plain, X).graph, X))


def test_a_script_module_is_refused() -> None:
    with pytest.raises(CaptureError, match="ScriptModule"):
        capture(torch.jit.script(nn.Sequential(nn.Linear(4, 2))), torch.zeros(1, 4))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(bad: float) -> None:
    module = Base()
    with torch.no_grad():
        module.conv.weight[0, 0, 0, 0] = bad
    with pytest.raises(CaptureError, match=r"conv.weight: holds 1 values that are NaN or infinite|not finite"):
        capture(module, X)


def test_a_choice_of_output_settles_several() -> None:
    assert capture(TwoOutputs(), X, output=0).logits.meta["val"].shape == (1, 3)


def test_the_training_flags_are_put_back() -> None:
    module = Base().train()
    module.norm.eval()
    capture(module, X)
    assert module.training
    assert module.conv.training
    assert not module.norm.training


def test_a_model_that_asks_for_the_grad_mode_is_captured_without_gradients() -> None:
    class Asks(Base):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * (2.0 if torch.is_grad_enabled() else 1.0)

    module = Asks().eval()
    from xnorc.capture import run_logits

    with torch.no_grad():
        expected = module(X)
    assert torch.equal(run_logits(capture(module, X).graph, X), expected)


def test_a_soft_branch_without_bounds_is_refused() -> None:
    class Unbounded(Base):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            c = torch.exp(self.conv(x))
            return ((torch.where(c >= 1, 1.0, -1.0) - c).detach() + c).mean((2, 3))

    with pytest.raises(CaptureError, match=HERE + "soft branch may be infinite"):
        capture(Unbounded(), X)
