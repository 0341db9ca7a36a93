# SPDX-License-Identifier: Apache-2.0
"""What must stay where it is although nothing reads it any more; and a budget that is met to the byte."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tests.plan.test_plan import board, network
from xnorc.plan import plan
from xnorc.program import Kind, Program, Tensor, Window
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.sumpool2d import SumPool2d

IMAGE = Tensor("x", (4, 4, 2), Kind.U8)


def test_the_image_and_the_logits_outlive_the_nodes_that_follow() -> None:
    """Node 0 makes the logits; the last one, which could work in place, reads the image, and nothing reads it."""
    logits = SumPool2d(name="logits", inputs=("x",), output=Tensor("y", (1, 1, 2), Kind.I32), window=Window(kh=4, kw=4))
    pool = MaxPool2d(
        name="pool", inputs=("x",), output=Tensor("z", (2, 2, 2), Kind.U8),
        window=Window(kh=2, kw=2, stride_h=2, stride_w=2),
    )  # fmt: skip
    program = Program(name="p", input=IMAGE, nodes=(logits, pool), output="y")
    program.verify()
    made = plan(program)
    first, second = made.steps
    spans = [(0, IMAGE.nbytes), (first.output, first.output + 8), (second.output, second.output + 8)]
    spans.sort()
    assert all(a[1] <= b[0] for a, b in pairwise(spans)), spans


def test_a_budget_that_is_just_met_costs_no_speed() -> None:
    free = plan(network())
    fast = [step.kernel.label for step in free.steps]
    met = plan(network(), board(free.arena + 512, 10**6), reserved=0)
    assert [step.kernel.label for step in met.steps] == fast
    assert met.arena == free.arena
    short = plan(network(), board(free.arena + 511, 10**6), reserved=0)
    assert [step.kernel.label for step in short.steps] != fast
    assert replace(short, board=None).arena < free.arena
