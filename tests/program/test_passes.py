# SPDX-License-Identifier: Apache-2.0
"""Passes over programs that are written by hand: what they must do, and what they must leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from xnorc.program import Kind, Node, Program, Tensor, Thresholds, Window
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.gather import Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.maxpool2d import MaxPool2d
from xnorc.program.nodes.sumpool2d import SumPool2d
from xnorc.program.nodes.threshold import Threshold
from xnorc.program.passes.absorb_permutations import absorb_permutations
from xnorc.program.passes.fuse_epilogues import fuse_epilogues
from xnorc.program.passes.merge_equal import merge_equal

CH = 4
IMAGE = Tensor("image", (3, 2, 2), Kind.U8)
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (20, *IMAGE.shape)).astype(np.uint8)
TWO = (np.zeros(3, np.uint8), np.zeros(2, np.uint8))


def conv(name: str, seed: int = 0, thresholds: Thresholds | None = None) -> IConv2d:
    weights = np.random.default_rng(seed).integers(-9, 10, (CH, 1, 1, 2)).astype(np.int8)
    output = Tensor(name, (3, 2, CH), Kind.I32 if thresholds is None else Kind.BIT)
    return IConv2d(
        name=name, inputs=("image",), output=output, weights=weights, window=Window(kh=1, kw=1), thresholds=thresholds
    )


def cuts() -> Thresholds:
    flip = np.array([True, False, False, True])
    thr = np.array([-300, -5, 40, 700], np.int32).reshape(1, 1, CH)
    return Thresholds(thr=thr, flip=flip, rows=TWO[0], cols=TWO[1])


def bits(name: str, source: str) -> Threshold:
    return Threshold(name=name, inputs=(source,), output=Tensor(name, (3, 2, CH), Kind.BIT), thresholds=cuts())


def affine(name: str, source: str, mul: np.ndarray, kind: Kind = Kind.I16, rows: np.ndarray = TWO[0]) -> Affine:
    low, high = kind.range
    return Affine(
        name=name, inputs=(source,), output=Tensor(name, (3, 2, CH), kind), mul=mul.astype(np.int32), shift=1,
        add=np.arange(mul.size).reshape(mul.shape).astype(np.int64), low=low, high=high, rows=rows, cols=TWO[1],
    )  # fmt: skip


def pick(name: str, source: str, channel: Sequence[int]) -> Gather:
    return Gather(
        name=name, inputs=(source,), output=Tensor(name, (3, 2, CH), Kind.I32 if source != "bits" else Kind.BIT),
        source=np.zeros(CH, np.uint8), channel=np.array(channel, np.uint16),
    )  # fmt: skip


def ends(name: str, source: str, shape: tuple[int, int, int] = (3, 2, CH)) -> SumPool2d:
    """Logits: sums over the whole map."""
    window = Window(kh=shape[0], kw=shape[1])
    return SumPool2d(name=name, inputs=(source,), output=Tensor(name, (1, 1, shape[2]), Kind.I32), window=window)


def program(*nodes: Node) -> Program:
    made = Program(name="p", input=IMAGE, nodes=nodes, output=nodes[-1].output.name)
    made.verify()
    return made


def same(before: Program, after: Program) -> list[str]:
    """The ops of `after`, once it gives what `before` gives in every tensor of equal name."""
    after.verify()
    assert after.output == before.output
    old, new = before.trace(X), after.trace(X)
    for name in set(old) & set(new):
        assert np.array_equal(old[name], new[name]), name
    return [node.op for node in after.nodes]


ONES = np.ones((1, 1, CH))


def test_what_alone_reads_sums_becomes_their_epilogue() -> None:
    made = program(conv("c"), bits("b", "c"), ends("e", "b"))
    assert same(made, fuse_epilogues(made)) == ["iconv2d", "sumpool2d"]
    made = program(conv("c"), affine("a", "c", ONES * [3, -2, 1, 9]), ends("e", "a"))
    assert same(made, fuse_epilogues(made)) == ["iconv2d", "sumpool2d"]


def test_sums_with_another_reader_stay() -> None:
    made = program(conv("c"), bits("b", "c"), ends("x", "c"), ends("y", "b"))
    assert same(made, fuse_epilogues(made)) == ["iconv2d", "threshold", "sumpool2d", "sumpool2d"]
    image = Tensor("image", (1, 1, 2), Kind.U8)
    one = np.zeros(1, np.uint8)
    logits = replace(conv("c"), output=Tensor("c", (1, 1, CH), Kind.I32))
    reader = replace(
        bits("b", "c"), output=Tensor("b", (1, 1, CH), Kind.BIT), thresholds=replace(cuts(), rows=one, cols=one)
    )
    whole = Program(name="p", input=image, nodes=(logits, reader), output="c")
    assert [node.op for node in fuse_epilogues(whole).nodes] == ["iconv2d", "threshold"]


def test_an_affine_of_several_classes_stays() -> None:
    mul = np.arange(1, 2 * CH + 1).reshape(2, 1, CH)
    made = program(conv("c"), affine("a", "c", mul, rows=np.array([0, 1, 0], np.uint8)), ends("e", "a"))
    assert same(made, fuse_epilogues(made)) == ["iconv2d", "affine", "sumpool2d"]


@pytest.mark.parametrize(("mul", "fuses"), [(2**19, True), (2**20, False)])
def test_an_affine_that_leaves_32_bits_stays(mul: int, fuses: bool) -> None:
    """Sums reach some 18 * 255; twice the factor no longer fits 32 bits once it is shifted by 1."""
    weights = np.full((CH, 1, 1, 2), 9, np.int8)
    made = program(replace(conv("c"), weights=weights), affine("a", "c", ONES * mul), ends("e", "a"))
    assert same(made, fuse_epilogues(made)) == (["iconv2d"] if fuses else ["iconv2d", "affine"]) + ["sumpool2d"]


def test_permuted_channels_are_made_in_their_order() -> None:
    order = [2, 0, 3, 1]
    pool = MaxPool2d(name="m", inputs=("c",), output=Tensor("m", (3, 2, CH), Kind.I32), window=Window(kh=1, kw=1))
    made = program(conv("c"), pool, pick("g", "m", order), ends("e", "g"))
    assert same(made, absorb_permutations(made)) == ["iconv2d", "maxpool2d", "sumpool2d"]
    made = program(conv("bits", thresholds=cuts()), pick("g", "bits", order), ends("e", "g"))
    assert same(made, absorb_permutations(made)) == ["iconv2d", "sumpool2d"]
    made = program(conv("c"), affine("a", "c", ONES * [3, -2, 1, 9], Kind.I32), pick("g", "a", order), ends("e", "g"))
    assert same(made, absorb_permutations(made)) == ["iconv2d", "affine", "sumpool2d"]


@pytest.mark.parametrize("order", [[0, 0, 1, 2], [3, 3, 3, 3]])
def test_a_channel_that_is_read_twice_is_no_permutation(order: list[int]) -> None:
    made = program(conv("c"), pick("g", "c", order), ends("e", "g"))
    assert same(made, absorb_permutations(made)) == ["iconv2d", "gather", "sumpool2d"]


def test_channels_that_something_else_reads_keep_their_order() -> None:
    made = program(conv("c"), pick("g", "c", [2, 0, 3, 1]), ends("x", "c"), ends("y", "g"))
    assert same(made, absorb_permutations(made)) == ["iconv2d", "gather", "sumpool2d", "sumpool2d"]


def test_equal_nodes_become_one_and_unlike_ones_stay() -> None:
    made = program(conv("c"), conv("d"), ends("x", "c"), ends("y", "d"))
    assert same(made, merge_equal(made)) == ["iconv2d", "sumpool2d", "sumpool2d"]  # the output stays
    made = program(conv("c"), conv("d", seed=1), ends("x", "c"), ends("y", "d"))
    assert same(made, merge_equal(made)) == ["iconv2d", "iconv2d", "sumpool2d", "sumpool2d"]
