# SPDX-License-Identifier: Apache-2.0
"""Every claim of the table of operations, tried against PyTorch on random and awkward arguments.

Awkward are: both zeros, NaN and infinities where an interval allows them, denormals, halves, whole numbers, floats
beside turns and bounds, and magnitudes near the ends of the dtype.  A row without samples fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import pytest
import torch
from torch import fx, nn

from tests.capture.operation_samples import ELEMENTWISE, JOINING, MANY, MOVING, SAMPLES, B, Sample, X, Y
from xnorc.capture.edit import argument_names, as_meta, aten
from xnorc.capture.infer import value_of
from xnorc.capture.infer.tables import source
from xnorc.capture.operations import TABLE, Acts, Call, Linear, Move, Operation, Whole, operation
from xnorc.capture.operations.document import document
from xnorc.capture.values import Const, Finite, Range, Value, bounds
from xnorc.lower.graph.positions import FILL, joined_from, moved_from

FLOATS = (torch.float32, torch.float64, torch.float16)
INTEGERS = (torch.int64, torch.uint8)
ROWS = sorted(TABLE, key=str)
# (lo, hi, whole, NaN may occur)
RANGES = [
    (-4.0, 4.0, False, False), (0.5, 4.0, False, False), (-4.0, -0.125, False, False), (0.0, 1.0, False, False),
    (-2.0, 0.0, False, False), (-5.0, 3.0, True, False), (0.0, 7.0, True, False), (-4.0, 4.0, False, True),
    (-inf, inf, False, True), (0.0, inf, False, False), (-65504.0, 3e4, False, False), (0.375, 0.375, False, False),
    (15.0, 25.0, False, False), (-1.5, -0.5, False, True),
]  # fmt: skip


@dataclass
class Called:
    """A call of an operation in a graph, with what is known of its arguments.

    Attributes:
        node: the call.
        varying: the placeholders among its arguments: X, Y, B.
        values: of every node but the call.
    """

    node: fx.Node
    varying: dict[Any, fx.Node]
    values: dict[fx.Node, Value]

    def run(self, given: dict[fx.Node, torch.Tensor]) -> torch.Tensor:
        def operand(node: fx.Node) -> torch.Tensor:
            if node in given:
                return given[node]
            value = self.values[node]
            assert isinstance(value, Const)
            return value.tensor

        args, kwargs = fx.node.map_arg((self.node.args, self.node.kwargs), operand)
        with torch.no_grad():
            result = self.node.target(*args, **kwargs)
        assert isinstance(result, torch.Tensor)
        return result


def called(target: Any, sample: Sample, image: Range, kind: torch.dtype) -> Called | None:
    """The sample as a call; None where PyTorch has no kernel for the dtype, or takes no such arguments."""
    graph = fx.Graph()
    gm = fx.GraphModule(nn.Module(), graph)
    values: dict[fx.Node, Value] = {}
    varying: dict[Any, fx.Node] = {}

    def placed(argument: Any) -> Any:
        if isinstance(argument, list) and any(a is X or a is Y or isinstance(a, torch.Tensor) for a in argument):
            return [placed(a) for a in argument]
        if argument is X or argument is Y or argument is B:
            if argument not in varying:
                node = graph.placeholder(f"x{len(varying)}")
                node.meta["val"] = as_meta(torch.zeros(sample.shape, dtype=torch.bool if argument is B else kind))
                values[node] = source(node, [torch.tensor(False), torch.tensor(True)]) if argument is B else image
                varying[argument] = node
            return varying[argument]
        if isinstance(argument, torch.Tensor):
            tensor = argument.to(kind) if argument.is_floating_point() and kind.is_floating_point else argument
            name = f"c{len(values)}"
            gm.register_buffer(name, tensor)
            node = graph.get_attr(name)
            node.meta["val"], values[node] = as_meta(tensor), Const(tensor)
            return node
        return argument

    args = tuple(placed(a) for a in sample.args)
    kwargs = {name: placed(a) for name, a in sample.kwargs.items()}
    node = graph.call_function(target, args, kwargs)
    made = Called(node, varying, values)
    try:
        zeros = {n: torch.ones(sample.shape, dtype=n.meta["val"].dtype) for n in varying.values()}
        node.meta["val"] = as_meta(made.run(zeros))
    except (RuntimeError, NotImplementedError) as error:
        if kind is not torch.float32 or "not implemented for" in str(error):
            return None
        raise
    return made


def samples_of(table: dict[Any, list[Sample]]) -> list[Any]:
    return [pytest.param(target, id=str(target)) for target in sorted(table, key=str)]


def within(image: Range, size: int, kind: torch.dtype, seed: int, near: list[float]) -> torch.Tensor:
    """`size` values of the dtype in the range: random and awkward ones."""
    generator = torch.Generator().manual_seed(seed)
    lo, hi = image.lo, image.hi
    info: Any = torch.finfo(kind) if kind.is_floating_point else torch.iinfo(kind)
    low, high = max(lo, float(info.min)), min(hi, float(info.max))
    uniform = torch.rand(size, generator=generator, dtype=torch.float64) * (high / 2 - low / 2) * 2 + low
    steep = torch.randn(size, generator=generator, dtype=torch.float64).mul(8).exp() * torch.randn(
        size, generator=generator, dtype=torch.float64
    )
    special = [lo, hi, 0.0, -0.0, *near, *(v for k in range(-6, 7) for v in (k, k + 0.5))]
    if kind.is_floating_point:
        special += [info.tiny, -info.tiny, info.tiny * info.eps, -info.tiny * info.eps, info.max, info.min, inf, -inf]
    points = torch.tensor([v for v in special if lo <= v <= hi], dtype=torch.float64)
    pool = torch.cat([uniform, steep.clamp(low, high), points, points, points])
    x = pool[torch.randint(0, len(pool), (size,), generator=generator)]
    typed = x.round().clamp(low, high).to(kind) if image.integer or not kind.is_floating_point else x.to(kind)
    if kind.is_floating_point and not image.integer:
        way = torch.tensor([-inf, 0.0, inf], dtype=kind)[torch.randint(0, 3, (size,), generator=generator)]
        beside = torch.where(way == 0, typed, torch.nextafter(typed, way))
        typed = torch.where((beside.double() >= lo) & (beside.double() <= hi), beside, typed)
        inside = (typed.double() >= lo) & (typed.double() <= hi)  # rounding to the dtype may leave the range
        typed = torch.where(inside, typed, torch.tensor(lo if isfinite(lo) else hi if isfinite(hi) else 0.0).to(kind))
        inside = (typed.double() >= lo) & (typed.double() <= hi)
        typed = torch.where(inside, typed, torch.nextafter(typed, torch.tensor(inf, dtype=kind)))
    if image.nan and kind.is_floating_point:
        typed[torch.randint(0, size, (max(1, size // 16),), generator=generator)] = torch.nan
    return typed


def numbers_of(sample: Sample) -> list[float]:
    """The numbers among a call's arguments: places where something may turn."""
    found: list[float] = []
    for argument in (*sample.args, *sample.kwargs.values()):
        if isinstance(argument, int | float) and not isinstance(argument, bool):
            found.append(float(argument))
        elif isinstance(argument, torch.Tensor) and argument.numel() <= 8:
            found += [float(v) for v in argument.reshape(-1)]
    return [v for v in [*found, 3.0, -3.0, 20.0, 6.0] if isfinite(v)]


def inputs(made: Called, image: Range, kind: torch.dtype, seed: int, near: list[float]) -> dict[fx.Node, torch.Tensor]:
    result = {}
    for i, (marker, node) in enumerate(made.varying.items()):
        shape = tuple(node.meta["val"].shape)
        size = torch.Size(shape).numel()
        if marker is B:
            result[node] = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) > 0.5
        else:
            result[node] = within(image, size, kind, 7 * seed + i, near).reshape(shape)
    return result


def holds(value: Value, result: torch.Tensor) -> bool:
    """True if every element of a result is one that the value allows."""
    wide = result.double()
    if isinstance(value, Finite):
        allowed = torch.zeros(wide.shape, dtype=torch.bool)
        for row in value.vals:
            allowed |= (wide == row.double()) | (wide.isnan() & row.double().isnan())
        return bool(allowed.all())
    claimed = bounds(value)
    inside = ((wide >= claimed.lo) & (wide <= claimed.hi)) | (wide.isnan() if claimed.nan else torch.tensor(False))
    whole = (wide == wide.round()) | wide.isnan()
    return bool(inside.all()) and (not claimed.integer or bool(whole.all()))


def images(kind: torch.dtype) -> list[Range]:
    if kind.is_floating_point:
        most = torch.finfo(kind).max
        every = [Range(max(lo, -inf if lo == -inf else -most), hi, whole, nan) for lo, hi, whole, nan in RANGES]
        # an interval's ends need not be floats of the dtype, but what lies in it must be
        return [r for r in every if kind is not torch.float16 or r.lo != r.hi]
    info = torch.iinfo(kind)
    ranges = [(info.min, info.max), (max(info.min, -5), 9), (0, 3)]
    return [Range(float(lo), float(hi), integer=True) for lo, hi in ranges]


def test_every_row_has_samples_and_every_sample_a_row() -> None:
    assert set(SAMPLES) == set(TABLE)
    assert all(SAMPLES.values())
    kinds = {Acts.MOVE: MOVING, Acts.JOIN: JOINING, Acts.MANY: MANY}
    assert all(target in kinds.get(row.acts, ELEMENTWISE) for target, row in TABLE.items())


@pytest.mark.parametrize("target", ROWS, ids=str)
def test_the_value_of_a_call_holds_for_every_argument(target: Any) -> None:
    tried = 0
    wide = target in ELEMENTWISE
    for sample in SAMPLES[target]:
        for kind in (*FLOATS, *INTEGERS) if wide else (torch.float32, torch.float16, torch.int64):
            for at, image in enumerate(images(kind)[:: 1 if wide and kind is torch.float32 else 3]):
                made = called(target, sample, image, kind)
                if made is None:
                    break
                if not made.varying:
                    continue
                value = value_of(made.node, made.values)
                for seed in range(2 if kind is torch.float32 else 1):
                    given = inputs(made, image, kind, 31 * at + seed, numbers_of(sample))
                    try:
                        result = made.run(given)
                    except RuntimeError as error:  # integers divided by zero
                        if "ZeroDivisionError" in str(error):
                            continue
                        raise
                    assert holds(value, result), (kind, image, sample, value, given, result)
                    tried += 1
    assert tried


def line(kind: torch.dtype, near: list[float]) -> torch.Tensor:
    """Floats of the dtype in rising order, many of them neighbours."""
    points = torch.cat([
        within(Range(-inf, inf), 500, kind, 1, near), within(Range(-30.0, 30.0), 1000, kind, 2, near),
        within(Range(-2.0, 2.0), 500, kind, 3, near),
    ])  # fmt: skip
    points = torch.cat([points, *(torch.nextafter(points, torch.tensor(way, dtype=kind)) for way in (-inf, inf))])
    points = points[torch.isfinite(points) & (points.double().abs() < 1e30)]
    return torch.unique(points)


def varying_name(made: Called) -> str | None:
    call = Call(made.node, made.values)
    names = [name for name in argument_names(made.node) if call.varies(name)]
    return names[0] if len(names) == 1 else None


@pytest.mark.parametrize("target", samples_of(ELEMENTWISE))
def test_what_is_claimed_monotone_rises_or_falls(target: Any) -> None:
    row = TABLE[target]
    claimed = 0
    for sample in SAMPLES[target]:
        for kind in FLOATS:
            made = called(target, sample, Range(-1e30, 1e30), kind)
            name = varying_name(made) if made is not None else None
            if made is None or name is None or B in made.varying:
                continue
            result = along(made, kind, numbers_of(sample))
            rises, falls = (bool((step >= 0).all()) for step in (result.diff(dim=0), -result.diff(dim=0)))
            per_channel = ((result.diff(dim=0) >= 0).all(0) | (result.diff(dim=0) <= 0).all(0)).all()
            if row.is_monotone(Call(made.node, made.values), name):
                claimed += 1
                assert not result.isnan().any(), (kind, sample)
                assert bool(per_channel), (kind, sample, rises, falls)
    assert bool(claimed) == bool(row.monotone), "a claim that no sample meets"


def along(made: Called, kind: torch.dtype, near: list[float]) -> torch.Tensor:
    """float64 (points, channels): the result along a line of arguments, in each channel."""
    points = line(kind, near)
    (x,) = made.varying.values()
    channels = made.node.meta["val"].shape[1]
    wide = points.reshape(-1, 1, 1, 1).expand(-1, channels, 1, 1).contiguous()
    result = made.run({x: wide}).to(torch.float64)
    # the difference of two infinities is no number, and they are equal
    return result.clamp(-1e308, 1e308).reshape(len(points), -1)


@pytest.mark.parametrize("target", samples_of(ELEMENTWISE))
def test_results_are_as_exact_as_claimed(target: Any) -> None:
    row = TABLE[target]
    for sample in SAMPLES[target]:
        for kind in (torch.float32, torch.float16):
            for image in (Range(-8.0, 8.0), Range(-1e4, 1e4), Range(0.001, 3.0)):
                made, exact = (called(target, sample, image, k) for k in (kind, torch.float64))
                if row.ulps is None or made is None or exact is None or not made.varying or X not in made.varying:
                    continue
                call = Call(made.node, made.values)
                if not row.applies(call) or not all(c.holds(call) for c in row.ulps_given) or "dtype" in sample.kwargs:
                    continue
                if not all(equal_in(kind, number) for number in numbers_of(sample) + defaults_of(made)):
                    continue  # a number that the kernel rounds
                given = inputs(made, image, kind, 5, numbers_of(sample))
                names = zip(made.varying.values(), exact.varying.values(), strict=True)
                wide = {b: given[a].to(torch.float64) if given[a].is_floating_point() else given[a] for a, b in names}
                got, want = made.run(given), exact.run(wide)
                if got.dtype is not kind:
                    continue
                assert_within_ulps(got, want, row.ulps, kind, (kind, sample))


def defaults_of(made: Called) -> list[float]:
    """The numbers that a call leaves to the schema."""
    given = [Call(made.node, {}).argument(name) for name in argument_names(made.node)]
    return [v for v in given if isinstance(v, float) and isfinite(v)]


def equal_in(kind: torch.dtype, number: float) -> bool:
    return float(torch.tensor(number, dtype=torch.float64).to(kind)) == number


def assert_within_ulps(got: torch.Tensor, want: torch.Tensor, ulps: float, kind: torch.dtype, about: Any) -> None:
    info = torch.finfo(kind)
    rounded = want.to(kind).to(torch.float64)
    wide = got.to(torch.float64)
    same = (wide == rounded) | (wide.isnan() & want.isnan())
    if ulps > 0.5:
        step = torch.exp2(want.abs().clamp(min=info.tiny).log2().floor()) * info.eps
        same |= (wide - want).abs() <= ulps * step
        same |= want.abs() > info.max / 2
    assert bool(same.all()), (about, wide[~same][:4], want[~same][:4])


@pytest.mark.parametrize("target", samples_of(ELEMENTWISE))
def test_whole_results_are_whole(target: Any) -> None:
    row = TABLE[target]
    for sample in SAMPLES[target]:
        image = Range(-9.0, 9.0, integer=row.whole is Whole.KEEPS)
        made = called(target, sample, image, torch.float32)
        whole_numbers = all(v.is_integer() for v in numbers_of(sample))
        if made is None or row.whole is Whole.NEVER or (row.whole is Whole.KEEPS and not whole_numbers):
            continue
        if not row.applies(Call(made.node, made.values)):
            continue
        result = made.run(inputs(made, image, torch.float32, 3, numbers_of(sample))).double()
        assert bool(((result == result.round()) | ~torch.isfinite(result)).all()), sample


@pytest.mark.parametrize("target", samples_of(ELEMENTWISE))
def test_what_keeps_nan_gives_nan_and_what_is_linear_is_linear(target: Any) -> None:
    row = TABLE[target]
    for sample in SAMPLES[target]:
        made = called(target, sample, Range(-4.0, 4.0, nan=True), torch.float32)
        if made is None or X not in made.varying or not row.applies(Call(made.node, made.values)):
            continue
        x = made.varying[X]
        given = inputs(made, Range(-4.0, 4.0), torch.float32, 4, [])
        given[x] = torch.full_like(given[x], torch.nan)
        result = made.run(given)
        if not row.keeps_nan and row.interval is not None and not result.dtype.is_floating_point:
            assert not result.double().isnan().any()
        if row.linear is not Linear.NEVER and result.dtype is torch.float32 and varying_name(made) is not None:
            a, b = (inputs(made, Range(-4.0, 4.0), torch.float32, seed, [])[x] for seed in (5, 6))
            zero = made.run({x: torch.zeros_like(a)}).double()
            both, first, second = (made.run({x: v}).double() - zero for v in (a + b, a, b))
            held = torch.isfinite(both) & torch.isfinite(first + second)
            assert torch.allclose(both[held], (first + second)[held], rtol=1e-4, atol=1e-4), sample


@pytest.mark.parametrize("target", [t for t in ROWS if TABLE[t].compares], ids=str)
def test_comparisons_compare(target: Any) -> None:
    a, b = torch.tensor([1.0, 2.0, 2.0, torch.nan]), 2.0
    other = torch.tensor(b) if target._overloadname == "Tensor" else b
    python = {"ge": lambda x: x >= b, "gt": lambda x: x > b, "le": lambda x: x <= b, "lt": lambda x: x < b,
              "eq": lambda x: x == b, "ne": lambda x: x != b}[TABLE[target].compares]  # fmt: skip
    assert target(a, other).tolist() == [python(x) for x in a.tolist()]


@pytest.mark.parametrize(
    "target", [t for t in ROWS if TABLE[t].same or TABLE[t].moved in (Move.VIEW, Move.REPEAT)], ids=str
)
def test_what_is_the_same_in_its_own_shape_and_dtype_is_the_same(target: Any) -> None:
    for sample in SAMPLES[target]:
        made = called(target, sample, Range(-4.0, 4.0), torch.float32)
        assert made is not None
        if X not in made.varying or not TABLE[target].applies(Call(made.node, made.values)):
            continue
        given = inputs(made, Range(-4.0, 4.0), torch.float32, 1, [])
        x, result = given[made.varying[X]], made.run(given)
        if result.shape == x.shape and result.dtype is x.dtype:
            assert torch.equal(result, x)


@pytest.mark.parametrize("target", samples_of(MOVING))
def test_moved_elements_are_those_of_the_argument(target: Any) -> None:
    row = TABLE[target]
    for sample in SAMPLES[target]:
        made = called(target, sample, Range(-4.0, 4.0), torch.float32)
        assert made is not None
        (x,) = made.varying.values()
        given = torch.rand(sample.shape, generator=torch.Generator().manual_seed(0)) + 10
        result = made.run({x: given}).reshape(-1)
        argument, moved = moved_from(made.node, made.values)
        assert argument is x
        there = torch.from_numpy(moved)
        inside = there != FILL
        assert torch.equal(result[inside], given.reshape(-1)[there[inside]])
        fill = operation_fill(made)
        assert bool(inside.all()) or bool((result[~inside] == fill).all())
        assert_moved_as_claimed(row, there[inside], given.numel())


def operation_fill(made: Called) -> float | None:
    from xnorc.capture.operations import fill_of

    return fill_of(made.node)


def assert_moved_as_claimed(row: Operation, there: torch.Tensor, size: int) -> None:
    every = torch.arange(size)
    if row.moved is Move.VIEW:
        assert torch.equal(there, every)
    elif row.moved is Move.PERMUTE:
        assert torch.equal(there.sort().values, every)
    elif row.moved is Move.DROP:
        assert len(torch.unique(there)) == len(there)
    elif row.moved is Move.REPEAT:
        assert torch.equal(torch.unique(there), every)


@pytest.mark.parametrize("target", samples_of(JOINING))
def test_joined_elements_are_those_of_the_parts(target: Any) -> None:
    for sample in SAMPLES[target]:
        made = called(target, sample, Range(-4.0, 4.0), torch.float32)
        assert made is not None
        given = inputs(made, Range(-4.0, 4.0), torch.float32, 2, [])
        result, covered = made.run(given).reshape(-1), torch.zeros(0)
        covered = torch.zeros(len(result), dtype=torch.bool)
        for part, moved in joined_from(made.node):
            value = made.values[part]
            whole = value.tensor if isinstance(value, Const) else given[part]
            there = torch.from_numpy(moved)
            mine = there != FILL
            assert torch.equal(result[mine], whole.reshape(-1)[there[mine]])
            covered |= mine
        assert bool(covered.all())


@pytest.mark.parametrize(
    "target",
    [aten.remainder.Scalar, aten.fmod.Scalar, aten.erfinv.default, aten.floor_divide.default, aten.as_strided.default,
     aten.frac.default, aten.view.dtype, aten.pow.Tensor_Tensor, aten.nan_to_num.default],
    ids=str,
)  # fmt: skip
def test_of_an_unknown_operation_nothing_is_believed(target: Any) -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    x.meta["val"] = as_meta(torch.zeros(2, 3))
    node = graph.call_function(target, (x, 2))
    node.meta["val"] = as_meta(torch.zeros(2, 3))
    assert operation(node) is None
    value = value_of(node, {x: Range(-1.0, 1.0)})
    assert value == Range(-inf, inf, nan=True)


def test_the_document_is_that_of_the_table(request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / "docs" / "operations.md"
    assert path.read_text() == document(), "python -m xnorc.capture.operations.document > docs/operations.md"
