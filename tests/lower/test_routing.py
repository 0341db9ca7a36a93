# SPDX-License-Identifier: Apache-2.0
"""Moves of elements: which node does them, and that every element arrives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.lower.bare import graph_of, last, lowering_of, values_of
from xnorc.errors import LowerError
from xnorc.lower.graph.source import canonical
from xnorc.lower.routing import MOST_PAD, assembled, regular_steps, tried
from xnorc.program import Kind, Node, Tensor
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.gather import Gather
from xnorc.program.nodes.iconv2d import IConv2d
from xnorc.program.nodes.permute import Permute

GRAPH = graph_of(lambda x: x * 2, (1, 1, 1, 1))
RNG = np.random.default_rng(0)


def arrived(
    tensors: list[Tensor], which: np.ndarray, at: np.ndarray, shape: tuple[int, int, int], nchw: bool = False
) -> list[Node]:
    """Let the elements be moved, check that each arrives where it is said to, and return the nodes."""
    lowering = lowering_of(GRAPH)
    output, place = assembled(lowering, last(GRAPH), tensors, which, at, shape, nchw)
    assert output.shape == shape
    bits = tensors[0].kind is Kind.BIT
    given = {t.name: RNG.integers(0, 2 if bits else 100, (1, *t.shape)).astype(t.kind.dtype) for t in tensors}
    got = values_of(lowering, given)[output.name].reshape(-1)[place]
    flat = [given[t.name].reshape(-1) for t in tensors]
    wanted = np.array([0 if e < 0 else flat[w][e] for w, e in zip(which, at, strict=True)])
    assert (got == wanted).all()
    for made in lowering.builder.nodes:
        by_name = {t.name: t for t in [*tensors, *(n.output for n in lowering.builder.nodes)]}
        made.check(*(by_name[name] for name in made.inputs))
    return lowering.builder.nodes


def moved(move: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int, int], kind: Kind = Kind.I16) -> list[Node]:
    """The nodes that make move(x) of a map x (h, w, ch)."""
    tensor = Tensor("t", shape, kind)
    at = move(np.arange(tensor.size).reshape(shape))
    return arrived([tensor], np.zeros(at.size, np.int64), at.reshape(-1), at.shape)


def kinds(nodes: list[Node]) -> list[type]:
    return [type(n) for n in nodes]


@pytest.mark.parametrize("kind", [Kind.I16, Kind.BIT, Kind.I8])
def test_what_lies_right_is_left_alone(kind: Kind) -> None:
    assert moved(lambda x: x, (3, 4, 5), kind) == []


def test_elements_in_channel_order_lie_right_too() -> None:
    tensor = Tensor("t", (2, 3, 4), Kind.I16)
    assert arrived([tensor], np.zeros(24, np.int64), canonical((1, 4, 2, 3)), (2, 3, 4), nchw=True) == []


@pytest.mark.parametrize("kind", [Kind.I16, Kind.BIT])
def test_permuted_channels_are_one_gather(kind: Kind) -> None:
    (made,) = moved(lambda x: x[:, :, [2, 0, 3, 1]], (3, 4, 4), kind)
    assert isinstance(made, Gather)
    assert made.channel.tolist() == [2, 0, 3, 1]
    assert (made.top, made.left, made.step_h, made.step_w) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("move", "grid"),
    [
        (lambda x: x[::2, ::2], (0, 0, 2, 2)),
        (lambda x: x[1::2, ::3], (1, 0, 2, 3)),
        (lambda x: x[1:4, 2:5], (1, 2, 1, 1)),
        (lambda x: x[5:, 5:], (5, 5, 1, 1)),
        (lambda x: x[2::3], (2, 0, 3, 1)),
    ],
    ids=["every second", "odd rows, every third column", "crop", "the last pixel", "rows alone"],
)
def test_crops_and_steps_are_one_gather(
    move: Callable[[np.ndarray], np.ndarray], grid: tuple[int, int, int, int]
) -> None:
    (made,) = moved(move, (6, 6, 2))
    assert isinstance(made, Gather)
    assert (made.top, made.left, made.step_h, made.step_w) == grid


@pytest.mark.parametrize(("kind", "node"), [(Kind.I16, IConv2d), (Kind.BIT, BConv2d)])
@pytest.mark.parametrize(("mode", "name"), [("edge", "replicate"), ("reflect", "reflect")])
def test_edges_are_made_by_a_convolution_of_ones(mode: str, name: str, kind: Kind, node: type) -> None:
    made = moved(lambda x: np.pad(x, ((1, 2), (2, 0), (0, 0)), mode=mode), (4, 4, 3), kind)  # type: ignore[call-overload]
    assert kinds(made) == [node]
    window = made[0].window
    assert (window.pad_top, window.pad_bottom, window.pad_left, window.pad_right) == (1, 2, 2, 0)
    assert window.pad_mode == name


def test_edges_of_which_a_part_is_cropped_take_a_gather_as_well() -> None:
    made = moved(lambda x: np.pad(x, ((2, 2), (2, 2), (0, 0)), mode="reflect")[::2, ::2], (5, 5, 2))
    assert kinds(made) == [IConv2d, Gather]


def test_moves_that_look_irregular_may_be_steps_over_edges() -> None:
    assert kinds(moved(lambda x: x[::-1], (4, 4, 3))) == [IConv2d, Gather]  # mirrored, of which the mirror is kept
    (edge, pick) = moved(lambda x: x[[0, 1, 3]], (4, 4, 3))  # every second row of 0 0 1 2 3
    assert isinstance(edge, IConv2d)
    assert isinstance(pick, Gather)
    assert (edge.window.pad_top, edge.window.pad_mode, pick.top, pick.step_h) == (1, "replicate", 0, 2)


def test_edges_are_tried_up_to_a_bound() -> None:
    assert kinds(moved(lambda x: np.pad(x, ((MOST_PAD, 0), (0, 0), (0, 0)), mode="edge"), (9, 3, 1))) == [IConv2d]
    with pytest.raises(LowerError, match="in a way no kernel does"):
        moved(lambda x: np.pad(x, ((MOST_PAD + 1, 0), (0, 0), (0, 0)), mode="edge"), (9, 3, 2))


def test_one_axis_mirrored_and_the_other_replicated_is_refused() -> None:
    def both(x: np.ndarray) -> np.ndarray:
        return np.pad(np.pad(x, ((2, 2), (0, 0), (0, 0)), mode="reflect"), ((0, 0), (2, 2), (0, 0)), mode="edge")

    with pytest.raises(LowerError, match="in a way no kernel does"):
        moved(both, (4, 4, 1))


@pytest.mark.parametrize(
    ("move", "steps"),
    [
        (lambda x: x.transpose(1, 0, 2), (0, 3, 12, 1)),
        (lambda x: x.reshape(12, 1, 3), (0, 3, 0, 1)),  # tokens: the order stays, only the shape changes
        (lambda x: x.transpose(2, 0, 1), (0, 1, 12, 3)),
    ],
    ids=["transposed", "as tokens", "channels first"],
)
def test_other_regular_moves_are_a_permute(
    move: Callable[[np.ndarray], np.ndarray], steps: tuple[int, int, int, int]
) -> None:
    (made,) = moved(move, (3, 4, 3))
    assert isinstance(made, Permute)
    assert (made.start, made.step_y, made.step_x, made.step_c) == steps


def test_channels_of_zeros_are_gathered_from_nowhere() -> None:
    def padded(x: np.ndarray) -> np.ndarray:
        return np.concatenate([np.full((3, 3, 1), -1), x, np.full((3, 3, 2), -1)], 2)

    (made,) = moved(padded, (3, 3, 2))
    assert isinstance(made, Gather)
    with pytest.raises(LowerError, match="in a way no kernel does"):
        moved(padded, (3, 3, 2), Kind.BIT)  # a bit of 0 would stand for -1


def test_tensors_side_by_side_are_one_gather_of_both() -> None:
    a, b = Tensor("a", (2, 2, 2), Kind.I16), Tensor("b", (2, 2, 3), Kind.I16)
    at = np.concatenate([np.arange(8).reshape(2, 2, 2), np.arange(12).reshape(2, 2, 3)[:, :, ::-1]], 2)
    which = np.broadcast_to(np.array([0, 0, 1, 1, 1]), (2, 2, 5))
    (made,) = arrived([a, b], which.reshape(-1), at.reshape(-1), (2, 2, 5))
    assert isinstance(made, Gather)
    assert made.source.tolist() == [0, 0, 1, 1, 1]
    assert made.channel.tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize(
    "move",
    [
        lambda x: np.concatenate([x[:, :, :1], x[::-1, :, 1:]], 2),  # one channel upside down
        lambda x: x[[3, 0, 1, 2]],
        lambda x: np.where(np.arange(48).reshape(4, 4, 3) == 7, -1, x),  # a hole
        lambda x: x[[0, 2, 1, 3]],
        lambda x: np.where(x == 15, 30, np.where(x == 30, 15, x)),
    ],
    ids=["channels over two grids", "rolled", "a hole", "no order", "two inner elements change places"],
)
def test_other_moves_are_refused_and_emit_nothing(move: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = Tensor("t", (4, 4, 3), Kind.I16)
    at = move(np.arange(48).reshape(4, 4, 3))
    lowering = lowering_of(GRAPH)
    found = tried(lowering, last(GRAPH), [tensor], np.zeros(at.size, np.int64), at.reshape(-1), at.shape)
    assert isinstance(found, LowerError)
    assert "elements of t are moved across the map in a way no kernel does" in str(found)
    assert lowering.builder.nodes == []


def test_steps_are_regular_or_there_are_none() -> None:
    grid = np.arange(24).reshape(2, 3, 4)
    assert regular_steps(grid) == (0, 12, 4, 1)
    assert regular_steps(grid[1:, 1:, ::2]) == (16, 0, 4, 2)
    assert regular_steps(grid[:, :, :1]) == (0, 12, 4, 0)
    assert regular_steps(grid[::-1]) is None  # steps backwards
    broken = grid.copy()
    broken[1, 2, 3] = 0
    assert regular_steps(broken) is None
