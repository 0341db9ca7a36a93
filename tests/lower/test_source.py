# SPDX-License-Identifier: Apache-2.0
"""What integers stand for: which of them can occur, which elements are alike, how far PyTorch may be off."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx

from xnorc.lower.graph.source import Source
from xnorc.program import Kind, Tensor


def source(elements: int = 4, ch: int = 2, **more: Any) -> Source:
    """Elements of a vector, all alike but for what is given."""
    node = fx.Graph().placeholder("x")
    node.meta["val"] = torch.empty(1, elements)
    fields: dict[str, Any] = {
        "at": np.arange(elements), "scale": np.full(elements, 0.5), "offset": np.full(elements, 2.0),
        "low": np.full(elements, -3), "high": np.full(elements, 4), "noise": np.zeros(elements),
    }  # fmt: skip
    return Source(node=node, tensor=Tensor("t", (elements // ch, 1, ch), Kind.I32), **{**fields, **more})


def test_integers_between_the_bounds_can_occur_ends_included() -> None:
    q = np.arange(-5, 7)[:, None]
    found = source().reachable(q, np.array([0]))
    assert q[found].tolist() == list(range(-3, 5))


def test_sums_of_signs_have_the_parity_of_their_number_and_reach_it() -> None:
    made = source(taps=np.array([3, 4, 0, 1]))
    q = np.arange(-6, 7)
    found = made.reachable(q[:, None] + np.zeros((1, 4), np.int64), np.arange(4))
    assert [q[found[:, s]].tolist() for s in range(4)] == [[-3, -1, 1, 3], [-4, -2, 0, 2, 4], [0], [-1, 1]]


def test_elements_are_alike_where_nothing_tells_them_apart() -> None:
    def ids(**more: Any) -> list[int]:
        found: list[int] = source(**more).classes().tolist()
        return found

    assert ids() == [0, 1, 0, 1]  # channels keep apart: each has a flip bit of its own
    assert ids(ch=1) == [0, 0, 0, 0]
    for name in ("scale", "offset", "low", "high", "noise", "taps", "kind_of"):
        found = ids(ch=1, **{name: np.array([7, 7, 8, 7])})
        assert found == [0, 0, 1, 0], name


def test_noise_displaces_to_either_side() -> None:
    made = source(noise=np.full(4, 0.25))
    q = np.array([[1, 1, -2, 0]])
    asked = {0.0: [2.5, 2.5, 1.0, 2.0], 1.0: [2.75, 2.75, 1.25, 2.25], -1.0: [2.25, 2.25, 0.75, 1.75]}
    for shift, expected in asked.items():
        assert made.real(q, np.arange(4), shift).tolist() == [expected]


def test_the_nearest_integer_of_a_real_and_back() -> None:
    made = source()
    value = torch.tensor([[2.0, 2.24, 2.26, 1.0]])
    assert made.integers(value).tolist() == [0, 0, 1, -2]
    assert made.nearest(value).tolist() == [[2.0, 2.0, 2.5, 1.0]]
