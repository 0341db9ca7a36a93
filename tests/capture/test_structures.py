# SPDX-License-Identifier: Apache-2.0
"""Tiles however they are built, patches for what a CPU cannot do, normal form, and positions in the user's files."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from tests.capture.one_idiom import Net, Seen, capture_all, example, one, step
from xnorc.capture import Captured, Const, Range, capture, run, run_logits
from xnorc.capture.edit import aten, packet
from xnorc.capture.passes import Work, normalise
from xnorc.capture.patches import patched

TILE = torch.tensor([[0.1, -0.3], [0.6, 0.2]])


class Buffer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("tile", TILE.repeat(3, 3)[None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return step(x - self.tile)


class Repeats(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tile = nn.Parameter(TILE.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, w = x.shape[-2:]
        return step(x - self.tile.repeat(h // 2, w // 2).unsqueeze(0).unsqueeze(0))


class Indexes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("tile", TILE.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(x.shape[2]) % 2
        columns = torch.arange(x.shape[3]) % 2
        return step(x - self.tile[rows[:, None], columns[None, :]])


class Upsamples(nn.Module):
    """The tile as the weights of a transposed convolution over ones."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(1, 1, 2, stride=2, bias=False)
        with torch.no_grad():
            self.up.weight.copy_(TILE[None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ones = torch.ones(1, 1, x.shape[2] // 2, x.shape[3] // 2)
        return step(x - self.up(ones))


class AtRunTime(Upsamples):
    """The same, its ones made of the image: a constant only because every image is finite."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ones = F.max_pool2d(x, 2) * 0 + 1
        return step(x - self.up(ones[:, :1]))


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        full = torch.zeros_like(x)
        for i in range(2):
            for j in range(2):
                full[:, :, i::2, j::2] = float(TILE[i, j])
        return step(x - full)


TILES: dict[str, Callable[[], nn.Module]] = {
    "buffer": Buffer, "repeat": Repeats, "index": Indexes, "transposed convolution": Upsamples,
    "made of the image": AtRunTime, "slice writes": InPlace,
}  # fmt: skip


@pytest.fixture(scope="module")
def tiles() -> dict[str, Seen]:
    return capture_all({name: make() for name, make in TILES.items()})


@pytest.mark.parametrize("name", TILES)
def test_a_tile_folds_to_one_constant_under_the_comparison(name: str, tiles: dict[str, Seen]) -> None:
    seen = tiles[name]
    (point,) = seen.points
    assert packet(point.node) is aten.ge
    shifted = point.node.args[0]
    assert isinstance(shifted, fx.Node)
    assert packet(shifted) is aten.sub
    value = seen.net.values[shifted.args[1]]
    assert isinstance(value, Const)
    assert torch.equal(value.tensor.expand(1, 4, 6, 6), TILE.repeat(3, 3).expand(1, 4, 6, 6))


def test_a_tile_made_of_the_image_notes_its_assumption(tiles: dict[str, Seen]) -> None:
    assert any("same result for every image" in n and "max_pool2d" in n for n in tiles["buffer"].net.notes)


class Everything(nn.Module):
    """Operations the normal form must rewrite."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(2, 4, 4, padding="same")
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.matrix = nn.Parameter(torch.randn(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.drop(self.same(x)))
        a, b = x.chunk(2, dim=1)
        x = torch.cat([b, a], 1) + 0
        top, where = x.flatten(2).max(2)
        deviation, mean = torch.std_mean(x, (2, 3))
        first = x.unbind(1)[0].mean((1, 2))[:, None]
        return (top + mean + deviation + where.float() * 0.1 + first) @ self.matrix


class Rarer(nn.Module):
    """Tuples with keepdim, an adaptive pool, a copy into a tensor, a composition without a rule of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        variance, mean = torch.var_mean(x, [1], keepdim=True)
        x = (x - mean) / (variance + 1).sqrt()
        x = F.adaptive_max_pool2d(x, (2, 3))
        y = torch.zeros_like(x)
        y.copy_(x.sum(1, keepdim=True))
        y.data = torch.where(y.data >= 0, 1.0, -1.0)
        return torch.einsum("nchw,ndhw->ncd", y, x).flatten(1)


def test_rarer_operations_have_plain_forms_too() -> None:
    module, x = Rarer().eval(), torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(3))
    net = capture(module, x)
    assert {"var", "running_mean", "max_pool2d", "bmm"} <= set(names(net))
    assert not {"var_mean", "einsum", "copy", "adaptive_max_pool2d"} & set(names(net))
    assert len(net.points) == 1
    assert not any("not known" in note for note in net.notes)


def names(net: Captured) -> list[str]:
    return [packet(n).__name__ for n in net.graph.graph.nodes if n.op == "call_function"]


def test_the_normal_form_has_one_input_one_output_no_tuples_and_nothing_left_to_fold() -> None:
    torch.manual_seed(0)
    module, x = Everything().eval(), torch.randn(1, 2, 6, 6)
    net = capture(module, x)
    nodes = list(net.graph.graph.nodes)
    assert [n.op for n in nodes].count("placeholder") == 1
    assert net.graph.graph.output_node().args == (net.logits,)
    assert not any(n.target is operator.getitem for n in nodes)
    assert all(isinstance(n.meta["val"], torch.Tensor) for n in nodes if n.op != "output")
    assert all(n.users for n in nodes if n.op != "output")
    assert not any(n.op == "call_function" and all(s.op == "get_attr" for s in n.all_input_nodes) for n in nodes)
    assert {"conv2d", "constant_pad_nd", "linear", "batch_norm", "amax", "argmax", "std", "running_mean"} <= set(
        names(net)
    )
    assert not {"dropout", "clone", "chunk", "split", "matmul", "mm", "addmm", "unbind"} & set(names(net))
    for _ in range(50):  # one in ten shows where a mean was found in another order
        other = torch.randn(1, 2, 6, 6)
        with torch.no_grad():
            assert torch.equal(run_logits(net.graph, other), module(other))


def test_every_pass_leaves_the_output_equal_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from xnorc.capture import passes
    from xnorc.capture.trace import export_program, to_graph

    module, x = Net([step, torch.sign], [torch.sign, lambda w: w.sign() * w.abs().mean()]).eval(), example()
    with torch.no_grad():
        expected = module(x)
    with patched():
        gm = to_graph(export_program(module, x))
    seen: list[str] = []

    def checked(step: Any) -> Any:
        def run_and_compare(work: Work) -> bool:
            changed = step(work)
            seen.append(step.__name__)
            assert torch.equal(run_logits(work.gm, x), expected), step.__name__
            return changed

        return run_and_compare

    monkeypatch.setattr(passes, "STAGES", tuple(tuple(checked(p) for p in stage) for stage in passes.STAGES))
    normalise(Work(gm, Range(-9.0, 9.0)), [x, example(2), example(3)])
    assert len(set(seen)) >= 10


class OldStyle(nn.Module):
    """Three things that stop a tracer: .cuda(), writes through .data, attributes on parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False).cuda()
        self.register_buffer("one", torch.ones(1).cuda())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self.conv.weight, "org"):
            self.conv.weight.org = self.conv.weight.data.clone()
        self.conv.weight.data = self.conv.weight.org.sign()
        return F.conv2d(step(x.cuda()), self.conv.weight).mean((2, 3)) * self.one.cuda()


def test_cuda_calls_and_writes_through_data_are_captured() -> None:
    with patched():
        module = OldStyle()
    module.conv.weight.org = module.conv.weight.data.clone()
    weight = module.conv.weight.org.sign()
    net = capture(module, torch.randn(1, 2, 6, 6))
    (conv,) = [n for n in net.graph.graph.nodes if packet(n) is aten.conv2d]
    value = net.values[conv.args[1]]
    assert isinstance(value, Const)
    assert torch.equal(value.tensor, weight)


def everything_patched() -> list[dict[str, Any]]:
    return [dict(vars(owner)) for owner in (torch.Tensor, nn.Module, torch.autograd.Function, fx.proxy.TracerBase)]


def test_no_patch_outlives_its_block() -> None:
    before = everything_patched()
    with pytest.raises(ZeroDivisionError), patched():
        1 / 0  # noqa: B018
    assert before == everything_patched()


def helper(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0.125, 1.0, -1.0)


def test_a_position_names_the_innermost_line_of_the_user_and_the_module() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return helper(x)

    net = one(Inner()).net
    said = net.where(net.points[0].node)
    assert "test_structures.py:" in said
    assert "`return torch.where(x > 0.125, 1.0, -1.0)`" in said
    assert said.endswith(" in modules_of_acts.0")


def test_a_region_runs_from_any_cut() -> None:
    net = one(step).net
    point = net.points[0].node
    source = point.args[0]
    assert isinstance(source, fx.Node)
    given = torch.tensor([-0.5, 0.0, 0.5]).view(3, 1, 1, 1)
    assert run(net.graph, {source: given}, [point])[point].flatten().tolist() == [False, True, True]


def test_nothing_depends_on_names() -> None:
    def renamed(cls_name: str) -> list[str]:
        act = type(cls_name, (nn.Module,), {"forward": lambda self, x: x.sign()})()
        return names(one(act).net)

    assert renamed("BinaryConv2d") == renamed("ReLU") == renamed("X")


def test_captures_are_equal_from_run_to_run() -> None:
    first, second = (capture(Net([step], [torch.sign]), example()) for _ in range(2))
    assert str(first.graph.graph) == str(second.graph.graph)
    assert first.proofs == second.proofs
    assert first.notes == second.notes


def test_of_a_batch_the_first_image_is_the_example() -> None:
    net = capture(Net([step], [torch.sign]), example().repeat(4, 1, 1, 1))
    assert net.example.shape == (1, 2, 6, 6)


def test_an_integer_image_has_the_bounds_of_its_dtype() -> None:
    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net([step], [torch.sign])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x.float() / 255)

    net = capture(Pixels(), torch.randint(0, 256, (1, 2, 6, 6), dtype=torch.uint8))
    assert net.values[net.input] == Range(0.0, 255.0, integer=True)
    scaled = net.values[next(n for n in net.graph.graph.nodes if packet(n) is aten.div)]
    assert isinstance(scaled, Range)
    assert (scaled.lo, scaled.hi) == (0.0, 1.0)
