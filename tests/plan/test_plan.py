# SPDX-License-Identifier: Apache-2.0
"""Kernel choice, in-place outputs and the budget of a board."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xnorc.boards import Board, Region, load
from xnorc.errors import FitError
from xnorc.plan import plan
from xnorc.plan.plan import reserved_for
from xnorc.program import Kind, Program, Tensor, Window, from_map
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.bmaxpool2d import BMaxPool2d
from xnorc.program.nodes.iconv2d import IConv2d

RNG = np.random.default_rng(0)


def static(h: int, w: int, ch: int) -> object:
    return from_map(np.zeros((h, w, ch), int), np.zeros(ch, bool))


def conv(cls: type, name: str, source: str, weights: tuple[int, ...], output: Tensor, pad: int = 1) -> object:
    signs = (RNG.integers(0, 2, weights) * 2 - 1).astype(np.int8)
    window = Window(kh=weights[1], kw=weights[2], pad_top=pad, pad_left=pad, pad_bottom=pad, pad_right=pad)
    thr = static(*output.shape) if output.kind is Kind.BIT else None
    return cls(name=name, inputs=(source,), output=output, weights=signs, window=window, thresholds=thr)


def network() -> Program:
    """16x16x3 -> 64 channels -> pool -> 128 channels -> 10 logits."""
    pool = BMaxPool2d(
        name="pool", inputs=("b",), output=Tensor("c", (8, 8, 64), Kind.BIT), flip=np.zeros(64, bool),
        window=Window(kh=2, kw=2, stride_h=2, stride_w=2),
    )  # fmt: skip
    nodes = (
        conv(IConv2d, "stem", "x", (64, 3, 3, 3), Tensor("a", (16, 16, 64), Kind.BIT)),
        conv(BConv2d, "conv1", "a", (64, 3, 3, 64), Tensor("b", (16, 16, 64), Kind.BIT)),
        pool,
        conv(BConv2d, "conv2", "c", (128, 3, 3, 64), Tensor("d", (8, 8, 128), Kind.BIT)),
        conv(BConv2d, "head", "d", (10, 8, 8, 128), Tensor("e", (1, 1, 10), Kind.I32), pad=0),
    )
    program = Program(name="net", input=Tensor("x", (16, 16, 3), Kind.U8), nodes=nodes, output="e")  # type: ignore[arg-type]
    program.verify()
    return program


def board(ram: int, flash: int, stack: int = 512) -> Board:
    base = load("mps2_an386")
    memory = replace(base.memory, ram=Region(0x20000000, ram), flash=Region(0, flash), stack=stack)
    return replace(base, memory=memory)


def test_a_pool_takes_over_its_input() -> None:
    made = plan(network())
    step = made.steps[2]
    assert step.in_place
    assert step.output == made.steps[1].output


def test_the_input_lies_at_zero_and_nothing_is_written_over_it() -> None:
    made = plan(network())
    assert made.steps[0].inputs == (0,)
    assert all(step.output >= made.program.input.nbytes for step in made.steps)


def test_scratch_shrinks_until_the_board_is_met() -> None:
    free = plan(network())
    least = plan(network(), board(0, 0))
    assert least.arena <= free.arena
    for ram in (free.arena + 512, (free.arena + least.arena) // 2 + 512, least.arena + 512):
        made = plan(network(), board(ram, 10**6), reserved=0)
        assert made.arena <= ram - 512
        made.check(code=1000, data=0)


def test_what_does_not_fit_names_the_layer_and_the_bytes() -> None:
    least = plan(network(), board(0, 0)).arena
    small = plan(network(), board(least + 512 - 8, 10**6), reserved=0)
    with pytest.raises(FitError, match=r"^(conv1|conv2|stem): 8 bytes of RAM too many for mps2_an386: arena"):
        small.check(data=0)
    full = plan(network(), board(10**6, 20000))
    with pytest.raises(FitError, match=rf"^conv2: {full.flash + 500 - 20000} bytes of flash too many"):
        full.check(code=500)


def test_macs_and_bytes_are_those_of_the_layers() -> None:
    made = plan(network())
    assert [s.macs for s in made.steps] == [
        16 * 16 * 64 * 27, 16 * 16 * 64 * 576, 0, 8 * 8 * 128 * 576, 10 * 8192,
    ]  # fmt: skip
    assert made.flash == sum(s.flash for s in made.steps) + 44 + 8 * 5 + 4
    assert max(s.ram for s in made.steps) == made.live_peak <= made.arena


def test_what_fits_to_the_byte_fits() -> None:
    """RAM is arena, data and stack; flash the model's constants and code: the last byte may be used."""
    arena = plan(network(), board(0, 0)).arena
    for missing in (0, 1):
        tight = plan(network(), board(arena + 300 + 512 - missing, 10**6), reserved=300)
        if missing:
            with pytest.raises(FitError, match=r": 1 bytes of RAM too many .* \+ data 300 \+ stack 512 of "):
                tight.check(data=300)
        else:
            tight.check(data=300)
    flash = plan(network(), board(10**6, 10**6)).flash
    plan(network(), board(10**6, flash + 700)).check(code=700)
    with pytest.raises(FitError, match=r": 1 bytes of flash too many .* \+ code 700 of "):
        plan(network(), board(10**6, flash + 699)).check(code=700)


def test_data_not_known_yet_are_those_the_planner_leaves_room_for() -> None:
    program = network()
    arena, data = plan(program, board(0, 0)).arena, reserved_for(program)
    plan(program, board(arena + data + 512, 10**6)).check()
    with pytest.raises(FitError, match=rf": 1 bytes of RAM too many .* \+ data {data} \+ stack 512"):
        plan(program, board(arena + data + 511, 10**6)).check()


def test_without_a_board_all_fits() -> None:
    plan(network()).check(code=10**9, data=10**9)
