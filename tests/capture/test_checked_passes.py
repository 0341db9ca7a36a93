# SPDX-License-Identifier: Apache-2.0
"""Each pass is held to the network itself, on more inputs than the example: zeros show next to nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xnorc.capture import capture, passes
from xnorc.capture.passes.work import Work
from xnorc.errors import Fault

aten = torch.ops.aten
ZEROS = torch.zeros(1, 1, 4, 4)
PROBES = [torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.ReLU(), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).eval()


def drop_relu(work: Work) -> bool:
    """A pass that is wrong, and right on zeros."""
    found = [n for n in work.gm.graph.nodes if n.target is aten.relu.default]
    for node in found:
        node.replace_all_uses_with(node.args[0])
    return bool(found)


def test_a_wrong_pass_is_named_although_the_example_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "STAGES", (*passes.STAGES, (drop_relu,)))
    capture(network(), ZEROS)
    with pytest.raises(Fault, match="pass drop_relu: it changed the network's output") as caught:
        capture(network(), ZEROS, probes=PROBES)
    assert caught.value.exit_code == 3


def test_all_inputs_run_at_the_end_whatever_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time at all each pass sees the example and one probe; the last look sees every one."""
    monkeypatch.setattr(passes, "SECONDS", 0.0)
    seen: list[int] = []
    real = passes.run_logits

    def counted(gm: torch.fx.GraphModule, x: torch.Tensor) -> torch.Tensor:
        seen.append(next((i for i, probe in enumerate(PROBES) if probe is x), -1))
        return real(gm, x)

    monkeypatch.setattr(passes, "run_logits", counted)
    capture(network(), ZEROS, probes=PROBES)
    assert seen[:4] == seen[-4:] == [-1, 0, 1, 2]


def test_the_stages_are_told_by_name_and_only_where_they_changed_something() -> None:
    told: list[tuple[str, int]] = []
    capture(network(), ZEROS, on_stage=lambda name, gm: told.append((name, len(gm.graph.nodes))))
    names = [name for name, _ in told]
    assert names[0] == "traced"
    assert set(names[1:]) <= {step.__name__ for stage in passes.STAGES for step in stage}


def test_the_network_stays_as_it_was_given() -> None:
    """Training flags and parameters; and its own answer goes with the captured network."""
    module = network().train()
    module[1].eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    captured = capture(module, ZEROS, probes=PROBES)
    assert [part.training for part in module] == [True, False, True, True]
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in before.items())
    with torch.no_grad():
        assert captured.eager is not None
        assert torch.equal(captured.eager(PROBES[0]), module(PROBES[0]))


@pytest.mark.parametrize("tie", [1, -1])
def test_ties_reach_a_sign_wherever_the_model_calls_it(tie: int) -> None:
    class Signs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.sign(x), x.sgn(), torch.nn.functional.hardtanh(x).sign_()], 1).flatten(1)

    eager = capture(nn.Sequential(Signs(), nn.Linear(48, 2)), ZEROS).eager
    assert eager is not None
    signs = type(eager)(Signs(), None, "signs")
    assert torch.equal(signs(ZEROS), torch.zeros(1, 48))
    assert torch.equal(signs.with_ties(ZEROS, tie), torch.full((1, 48), float(tie)))
    assert torch.equal(signs.with_ties(PROBES[0], tie), signs(PROBES[0]))
