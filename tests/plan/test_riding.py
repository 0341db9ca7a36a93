# SPDX-License-Identifier: Apache-2.0
"""Channel sums that ride on the node that writes their map: who rides, where the sums lie, and not a bit changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.programs import random_program
from tests.conformance.traced import assert_equal_everywhere
from tests.plan.riding_programs import CH, WIDE, H, W, affine, everything, program_of, sums
from xnorc.boards import Region, load
from xnorc.deploy import running
from xnorc.link.compare import compare_tensors
from xnorc.plan import Plan, plan, riding
from xnorc.plan.arena import aligned
from xnorc.program import Kind, Program, Tensor, Window
from xnorc.program.nodes.compare import Compare
from xnorc.render.model import render_model
from xnorc.report import rows
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu


def without(program: Program, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The plan in which nothing rides."""
    with monkeypatch.context() as patch:
        patch.setattr(riding, "riders", lambda *_: {})
        return plan(program)


def pairs(made: Plan) -> dict[str, str]:
    """Name of each rider -> name of what it rides on."""
    return {s.node.name: made.steps[s.rides_on].node.name for s in made.steps if s.rides_on is not None}


def test_sums_ride_on_the_node_that_writes_their_map_one_on_each() -> None:
    made = plan(everything())
    assert pairs(made) == {f"sums_{name}": name for name in "abcmd"}
    for step in made.steps:
        if step.rides_on is not None:
            by = made.steps[step.rides_on]
            assert by.sums == step.output
            assert by.kernel.sums is step.node.output.kind
            assert by.kernel.function.endswith("_sums")
            assert (step.kernel.function, step.flash) == ("", 0)
    assert next(s for s in made.steps if s.node.name == "again_c").kernel.function == "bnn_sumpool2d_whole"
    assert "" not in made.functions


def test_a_node_that_writes_over_its_input_carries_too() -> None:
    steps = {s.node.name: s for s in plan(everything()).steps}
    assert {name for name in "abcmd" if steps[name].in_place} >= {"c", "d"}
    assert None not in {steps[name].sums for name in "abcmd"}


def lives(made: Plan) -> list[tuple[str, int, int, int, int]]:
    """(tensor, first node, last node, offset, bytes) by the rules of docs/contracts.md, from the steps alone."""
    end = len(made.steps) - 1
    reads = {made.program.output: end}
    for step in made.steps:
        if step.rides_on is None:
            reads |= {name: max(reads.get(name, 0), step.index) for name in step.node.inputs}
    found = [("x", 0, end, 0, made.program.input.nbytes)]
    for step in made.steps:
        first = step.index if step.rides_on is None else step.rides_on
        last = max(reads.get(step.node.output.name, step.index), step.index)
        found.append((step.node.output.name, first, last, step.output, step.node.output.nbytes))
        if step.kernel.scratch:
            found.append((f"scratch {step.index}", step.index, step.index, step.scratch, step.kernel.scratch))
    return found


@pytest.mark.parametrize("seed", [None, *range(12)])
def test_sums_overlap_nothing_from_the_node_on_that_writes_them(seed: int | None) -> None:
    made = plan(everything() if seed is None else random_program(seed))
    taken = {s.node.output.name: made.steps[s.index].node.inputs for s in made.steps if s.in_place}
    for p, q in itertools.combinations(lives(made), 2):
        meet = p[1] <= q[2] and q[1] <= p[2]
        heir = p[0] in taken.get(q[0], ()) and p[2] == q[1]  # written in place of its input
        apart = p[3] + aligned(p[4]) <= q[3] or q[3] + aligned(q[4]) <= p[3]
        assert apart or heir or not meet, (p, q)


@pytest.mark.parametrize(
    ("window", "rides"),
    [
        (Window(kh=H, kw=W), True),
        (Window(kh=H, kw=W, stride_h=7, stride_w=7), True),
        (Window(kh=H, kw=W - 1), False),
        (Window(kh=H - 1, kw=W, stride_h=2), False),
        (Window(kh=H, kw=W, pad_left=1, stride_w=2), False),
        (Window(kh=H, kw=W, pad_bottom=1, stride_h=2), False),
        (Window(kh=2, kw=W, dilation_h=H - 1), False),
    ],
)
def test_only_sums_over_the_whole_map_ride(window: Window, rides: bool) -> None:
    a = affine("a", Tensor("stem", (H, W, CH), Kind.I32), Kind.I16, 33, **WIDE)
    cut = affine("bits", a.output, Kind.I16, 30, 0, 1)
    end = Compare(
        name="end", inputs=("bits", "row"), output=Tensor("end", (H, W, CH), Kind.BIT), flip=np.zeros(CH, bool)
    )
    row = affine("row", Tensor("r", (1, 1, CH), Kind.I32), Kind.I32, 40, -5, 5)
    program = program_of(a, sums("s", a.output, window=window), cut, sums("r", cut.output), row, end)
    assert pairs(plan(program)) == {"r": "bits"} | ({"s": "a"} if rides else {})


def test_sums_of_what_only_a_reference_writes_or_of_the_input_take_a_second_pass() -> None:
    narrow = affine("a", Tensor("stem", (H, W, CH), Kind.I32), Kind.I8, 33, -100, 100)
    steep = affine(
        "b", Tensor("stem", (H, W, CH), Kind.I32), Kind.I16, 31, **WIDE
    )  # a shift below 32 has no fast kernel
    t = affine("t", Tensor("s", (1, 1, CH), Kind.I32), Kind.I32, 30, -(2**20), 2**20)
    end = Compare(name="end", inputs=("b", "t"), output=Tensor("end", (H, W, CH), Kind.BIT), flip=np.zeros(CH, bool))
    image = sums("i", Tensor("x", (H, W, 3), Kind.U8))
    made = plan(program_of(narrow, steep, image, sums("s", narrow.output), sums("u", steep.output), t, end))
    assert pairs(made) == {}
    assert all(step.sums is None for step in made.steps)


def test_a_map_that_only_riders_read_gives_its_memory_back() -> None:
    a = affine("a", Tensor("stem", (H, W, CH), Kind.I32), Kind.I16, 33, **WIDE)
    b = affine("b", Tensor("stem", (H, W, CH), Kind.I32), Kind.I16, 34, **WIDE)
    t = affine("t", Tensor("s", (1, 1, CH), Kind.I32), Kind.I32, 30, -(2**20), 2**20)
    end = Compare(name="end", inputs=("b", "t"), output=Tensor("end", (H, W, CH), Kind.BIT), flip=np.zeros(CH, bool))
    made = plan(program_of(a, b, sums("s", a.output), t, end))
    assert pairs(made) == {"s": "a"}
    life = {name: (first, last) for name, first, last, _, _ in lives(made)}
    assert life["a"] == (1, 1)
    assert life["s"] == (1, 4)


@pytest.mark.host
def test_every_tensor_is_the_same_with_and_without(
    kernels: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = everything()
    ridden, apart = plan(program), without(program, monkeypatch)
    assert pairs(ridden)
    assert not pairs(apart)
    for made, out in ((ridden, tmp_path / "with"), (apart, tmp_path / "without")):
        out.mkdir()
        assert_equal_everywhere(made, kernels, out)


def test_a_rider_is_rendered_without_struct_and_call() -> None:
    made = plan(everything())
    text = render_model(made)["model.h"]
    rider = next(s for s in made.steps if s.node.name == "sums_c")
    assert f"node_{rider.index} =" not in text
    assert f"&node_{rider.index}," not in text
    assert f"bnn_model_after({rider.index});" in text
    assert f"{{ .offset = {rider.output}, .bytes = {rider.node.output.nbytes} }}" in text


def test_where_ram_is_short_sums_ride_only_if_the_arena_is_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    base = load("mps2_an386")
    none = replace(base, memory=replace(base.memory, ram=Region(0x20000000, 0)))
    for program in (everything(), random_program(3), random_program(7)):
        with monkeypatch.context() as patch:
            patch.setattr(riding, "riders", lambda *_: {})
            apart = plan(program, none)
        assert plan(program, none).arena <= apart.arena


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["host", "microbit", "mps2_an385", "mps2_an386"])
def test_the_link_reads_every_tensor_forwards_and_backwards(
    name: str, tmp_path: Path, need: Callable[..., None]
) -> None:
    need("gcc") if name == "host" else need("arm-none-eabi-gcc", "qemu-system-arm")
    program = everything()
    image = np.random.default_rng(4).integers(0, 256, program.input.shape).astype(np.uint8)
    want = program.trace(image[None])
    with running(program, Host() if name == "host" else Qemu(load(name)), tmp_path) as device:
        assert pairs(device.plan)
        ran = device.client.sample(image.tobytes())
        assert list(ran.logits) == want["logits"][0].reshape(-1).tolist()
        assert compare_tensors(device.client, program, image) is None
        for number in reversed(range(len(program.nodes))):  # each time the model runs again up to the node
            tensor = program.nodes[number].output
            assert device.client.tensor(number, tensor.nbytes) == tensor.pack(want[tensor.name][0]), tensor.name


def test_reports_put_riders_where_they_are_written() -> None:
    made = plan(everything())
    program, carried = made.program, {step.index: step.rides_on for step in made.steps if step.rides_on is not None}
    assert carried
    layers = rows.layers(program, made.steps)
    spans = {span.label: span for span in rows.spans(program, made.steps) if span.use == "tensor"}
    for rider, by in carried.items():
        assert layers[rider].kernel == made.steps[by].kernel.function != ""
        assert spans[program.nodes[rider].output.name].first == by
        summed = program.nodes[by].output.name
        readers = [by] + [t for t, node in enumerate(program.nodes) if summed in node.inputs and t not in carried]
        assert spans[summed].last == max(readers)
