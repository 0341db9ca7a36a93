# SPDX-License-Identifier: Apache-2.0
"""What the value pass says of a node holds for every input: checked by running the operations on many."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn

from xnorc.capture.edit import as_meta, aten, insert
from xnorc.capture.execute import run
from xnorc.capture.infer import infer
from xnorc.capture.values import Const, Finite, Range, Value, bounds, collapse

SHAPE = (1, 3, 4, 4)


class Graph:
    """A graph under construction: one placeholder in [lo, hi], constants, calls."""

    def __init__(self, lo: float = -4.0, hi: float = 4.0, integer: bool = False) -> None:
        self.gm = fx.GraphModule(nn.Module(), fx.Graph())
        self.x = self.gm.graph.placeholder("x")
        self.x.meta["val"] = as_meta(torch.zeros(SHAPE))
        self.end = self.gm.graph.output(self.x)
        self.image = Range(lo, hi, integer)

    def call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        return insert(self.gm, self.end, target, args, self.x, **kwargs)

    def constant(self, tensor: torch.Tensor) -> fx.Node:
        name = f"c{len(dict(self.gm.named_buffers()))}"
        self.gm.register_buffer(name, tensor)
        with self.gm.graph.inserting_before(self.end):
            node = self.gm.graph.get_attr(name)
        node.meta["val"] = as_meta(tensor)
        return node

    def value(self, target: Any, *args: Any, **kwargs: Any) -> Value:
        """The value of one more call."""
        node = self.call(target, *args, **kwargs)
        return self.values()[node]

    def values(self) -> dict[fx.Node, Value]:
        return infer(self.gm, self.image)

    def inputs(self, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        x = torch.rand(SHAPE, generator=generator) * (self.image.hi - self.image.lo) + self.image.lo
        special = torch.tensor([self.image.lo, self.image.hi, 0.0, -0.0, 1.0, -1.0, 0.5]).clamp(
            self.image.lo, self.image.hi
        )
        where = torch.randint(0, x.numel(), (7,), generator=generator)
        x.view(-1)[where] = special
        return x.round() if self.image.integer else x


def holds(value: Value, result: torch.Tensor, results: dict[fx.Node, Any]) -> bool:
    """True if every element of a result is one the value allows, given what its source was."""
    if isinstance(value, Const):
        return torch.equal(value.tensor.nan_to_num(7e7), result.nan_to_num(7e7))
    if isinstance(value, Finite):
        allowed = torch.zeros(result.shape, dtype=torch.bool)
        for row in value.vals:
            allowed |= (result == row) | (result.isnan() & row.isnan())
        return bool(allowed.all())
    wide = result.double()
    inside = (wide >= value.lo) & (wide <= value.hi) | (wide.isnan() if value.nan else False)
    return bool(inside.all()) and (not value.integer or bool(((wide == wide.round()) | wide.isnan()).all()))


UNARY: list[Any] = [
    (aten.neg.default,), (aten.abs.default,), (aten.relu.default,), (aten.sign.default,), (aten.round.default,),
    (aten.floor.default,), (aten.ceil.default,), (aten.trunc.default,), (aten.tanh.default,), (aten.sigmoid.default,),
    (aten.exp.default,), (aten.erf.default,), (aten.silu.default,), (aten.gelu.default,), (aten.mish.default,),
    (aten.hardswish.default,), (aten.hardsigmoid.default,), (aten.softplus.default,), (aten.elu.default,),
    (aten.sin.default,), (aten.cos.default,), (aten.square.default,), (aten.reciprocal.default,), (aten.sqrt.default,),
    (aten.rsqrt.default,), (aten.log.default,), (aten.log1p.default,), (aten.relu6.default,), (aten.atan.default,),
    (aten.clamp.default, -1, 1), (aten.clamp.default, None, 0.25), (aten.hardtanh.default, -2.0, 0.5),
    (aten.add.Scalar, 0.3), (aten.mul.Scalar, -1.7), (aten.sub.Scalar, 2), (aten.rsub.Scalar, 1), (aten.div.Scalar, 3),
    (aten.pow.Tensor_Scalar, 2), (aten.pow.Tensor_Scalar, 3), (aten.pow.Tensor_Scalar, -1), (aten.pow.Tensor_Scalar,
    0.5), (aten.leaky_relu.default, 0.1), (aten.leaky_relu.default, -0.5), (aten.logit.default,),
    (aten.frac.default,), (aten.max_pool2d.default, [2, 2], [1, 1], [1, 1]), (aten.avg_pool2d.default, [3, 3], [1,
    1], [1, 1]), (aten.constant_pad_nd.default, [1, 0, 0, 0, 0, 0, 0, 0], 2.5), (aten.flip.default, [2]),
]  # fmt: skip
COMPARE: list[Any] = [aten.ge.Scalar, aten.gt.Scalar, aten.le.Scalar, aten.lt.Scalar, aten.eq.Scalar, aten.ne.Scalar]
BINARY: list[Any] = [
    aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor, aten.maximum.default, aten.minimum.default,
]  # fmt: skip
COMPARE_TWO: list[Any] = [aten.ge.Tensor, aten.lt.Tensor, aten.eq.Tensor, aten.ne.Tensor]


def same_size(node: fx.Node) -> bool:
    return tuple(node.meta["val"].shape) == SHAPE


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_every_node_of_a_random_graph_stays_within_its_value(data: st.DataObject) -> None:
    lo = data.draw(st.sampled_from([-4.0, -1.0, 0.0, 0.5]))
    graph = Graph(lo, data.draw(st.sampled_from([1.0, 4.0])), data.draw(st.booleans()) and lo == int(lo))
    floats = [graph.x, graph.constant(torch.tensor([0.5, -1.0, 2.0]).view(1, 3, 1, 1).expand(SHAPE).contiguous())]
    bools: list[fx.Node] = []
    for _ in range(data.draw(st.integers(2, 9))):
        kind = data.draw(st.sampled_from(["unary", "binary", "compare", "compare two", "where", "cast", "logic"]))
        a = data.draw(st.sampled_from(floats))
        b = data.draw(st.sampled_from([f for f in floats if f.meta["val"].shape == a.meta["val"].shape]))
        if kind == "unary":
            target, *rest = data.draw(st.sampled_from(UNARY))
            floats.append(graph.call(target, a, *rest))
        elif kind == "binary":
            floats.append(graph.call(data.draw(st.sampled_from(BINARY)), a, b))
        elif kind == "compare":
            bools.append(graph.call(data.draw(st.sampled_from(COMPARE)), a, data.draw(st.sampled_from([-1, 0, 0.5]))))
        elif kind == "compare two":
            bools.append(graph.call(data.draw(st.sampled_from(COMPARE_TWO)), a, b))
        elif bools and kind == "cast":
            floats.append(graph.call(aten._to_copy.default, data.draw(st.sampled_from(bools)), dtype=torch.float32))
        elif bools and kind == "logic":
            bools.append(graph.call(aten.logical_not.default, data.draw(st.sampled_from(bools))))
        elif bools:
            choice = [c for c in bools if c.meta["val"].shape == a.meta["val"].shape]
            if choice:
                floats.append(graph.call(aten.where.self, data.draw(st.sampled_from(choice)), a, b))
    values = graph.values()
    nodes = [n for n in graph.gm.graph.nodes if n.op != "output"]
    for seed in range(3):
        results = run(graph.gm, {graph.x: graph.inputs(seed)}, nodes)
        for node in nodes:
            assert holds(values[node], results[node], results), (node, node.args, values[node])


def test_rows_of_one_source_stay_correlated() -> None:
    graph = Graph()
    sign = graph.call(aten.sign.default, graph.x)
    zero = graph.call(aten.eq.Scalar, sign, 0)
    one = graph.constant(torch.tensor(1.0))
    settled = graph.call(aten.where.self, zero, one, sign)
    value = graph.values()[settled]
    assert isinstance(value, Finite)
    assert value.src is sign
    assert [float(v) for v in value.vals] == [-1, 1, 1]
    assert value.distinct() == 2


def test_sign_of_what_may_be_nan_may_be_zero() -> None:
    graph = Graph(0.5, 4.0)
    root = graph.call(aten.sign.default, graph.call(aten.sub.Tensor, graph.call(aten.exp.default, graph.x), graph.x))
    assert isinstance(graph.values()[root], Finite)
    graph = Graph(0.5, float("inf"))
    unsure = graph.call(aten.sign.default, graph.call(aten.sub.Tensor, graph.x, graph.x))
    assert 0.0 in [float(v) for v in graph.values()[unsure].vals]


def test_infinity_times_zero_is_not_zero() -> None:
    graph = Graph(0.0, float("inf"))
    value = graph.value(aten.mul.Scalar, graph.x, 0)
    assert isinstance(value, Range)
    assert value.nan


@pytest.mark.parametrize(
    ("lo", "hi", "codes"), [(-1.0, 1.0, {-1, 0, 1}), (0.0, 3.0, {0, 1}), (-2.0, 0.0, {-1, 0}), (0.5, 1.0, {1})]
)
def test_sign_is_pruned_by_range(lo: float, hi: float, codes: set[int]) -> None:
    graph = Graph(lo, hi)
    value = graph.value(aten.sign.default, graph.x)
    assert isinstance(value, Finite)
    assert {int(v) for v in value.vals} == codes
    assert (value.tie is not None) == (len(codes) == 3)


def test_round_is_half_to_even_in_tables() -> None:
    graph = Graph()
    bit = graph.call(aten._to_copy.default, graph.call(aten.ge.Scalar, graph.x, 0), dtype=torch.float32)
    halves = graph.call(aten.round.default, graph.call(aten.add.Scalar, bit, 0.5))
    assert [float(v) for v in graph.values()[halves].vals] == [0.0, 2.0]


def test_an_unknown_elementwise_operation_runs_on_tables() -> None:
    graph = Graph()
    bit = graph.call(aten._to_copy.default, graph.call(aten.ge.Scalar, graph.x, 0), dtype=torch.float32)
    value = graph.value(aten.special_i1.default, bit)
    assert isinstance(value, Finite)
    assert torch.equal(value.vals[1], torch.special.i1(torch.ones(())))


def test_more_than_eight_values_are_an_interval() -> None:
    graph = Graph()
    total = graph.call(aten._to_copy.default, graph.call(aten.ge.Scalar, graph.x, 0), dtype=torch.float32)
    for power in range(1, 4):
        bit = graph.call(aten._to_copy.default, graph.call(aten.ge.Scalar, graph.x, power), dtype=torch.float32)
        total = graph.call(aten.add.Tensor, total, graph.call(aten.mul.Scalar, bit, 2**power))
    value = graph.values()[total]
    assert value == Range(0.0, 15.0, integer=True)


def test_collapse_keeps_what_varies() -> None:
    tile = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat(2, 2)[None, None].expand(1, 5, 4, 4)
    assert collapse(tile).shape == (1, 1, 4, 4)
    assert collapse(torch.ones(2, 3)).shape == ()


@pytest.mark.parametrize("seed", range(3))
def test_dots_and_norms_stay_within_their_bounds(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    graph = Graph(-1.0, 2.0)
    weight = graph.constant(torch.randn(5, 3, 3, 3, generator=generator))
    bias = graph.constant(torch.randn(5, generator=generator))
    conv = graph.call(aten.conv2d.default, graph.x, weight, bias, [1, 1], [1, 1])
    stats = [graph.constant(torch.rand(5, generator=generator) + 0.1) for _ in range(4)]
    norm = graph.call(aten.batch_norm.default, conv, *stats, False, 0.1, 1e-5, False)
    flat = graph.call(aten.reshape.default, norm, [1, 80])
    linear = graph.call(aten.linear.default, flat, graph.constant(torch.randn(4, 80, generator=generator)))
    soft = graph.call(aten.softmax.int, linear, 1)
    deviation = graph.call(aten.std.correction, norm, [1, 2, 3], correction=1, keepdim=True)
    values = graph.values()
    extreme = torch.where(torch.rand(SHAPE, generator=generator) > 0.5, -1.0, 2.0)
    nodes = [conv, norm, linear, soft, deviation]
    results = run(graph.gm, {graph.x: extreme}, nodes)
    assert all(holds(values[n], results[n], results) for n in nodes)
    assert all(bounds(values[n]).finite for n in nodes)
