# SPDX-License-Identifier: Apache-2.0
"""Images at the border between two answers: neighbours, one grey level of one number apart, that differ in a bit of the
program or in its label.  At such a place a sum lies next to its threshold, and a threshold that is off by one shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xnorc.program import Kind, Program

Answer = Callable[[np.ndarray], np.ndarray]  # uint8 (N, h, w, ch) -> int (N,)
TENSORS = 3  # binary tensors of the program that are asked: the first, the last, one between


def at_border(x: np.ndarray, answer: Answer, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Up to `pairs` pairs of neighbours, one after the other; none where all of x (N, h, w, ch) get one answer.

    From one image to another of a different answer the numbers change one by one, in a random order, and at last one of
    them level by level; bisection finds a step at which the answer does.
    """
    answers = answer(x)
    others = [(i, int(np.flatnonzero(answers != a)[0])) for i, a in enumerate(answers) if (answers != a).any()]
    found = [image for a, b in others[:pairs] for image in _pair(x[a], x[b], answer, rng)]
    return np.stack(found) if found else x[:0]


def _pair(start: np.ndarray, end: np.ndarray, answer: Answer, rng: np.random.Generator) -> list[np.ndarray]:
    """The two neighbours on a way from `start` to `end`, which have different answers."""
    order = rng.permutation(np.flatnonzero(start.reshape(-1) != end.reshape(-1)))
    near, far = _flip(lambda steps: _with(start, order[:steps], end.reshape(-1)[order[:steps]]), len(order), answer)
    place = np.flatnonzero(near.reshape(-1) != far.reshape(-1))
    low, high = (int(image.reshape(-1)[place[0]]) for image in (near, far))
    sign = 1 if high > low else -1
    return _flip(lambda steps: _with(near, place, np.array([low + sign * steps], np.uint8)), abs(high - low), answer)


def bits_of(program: Program, x: np.ndarray) -> list[Answer]:
    """For a few binary tensors of the program, one bit of each that is not the same on all of x."""
    made = [node.output for node in program.nodes if node.output.kind is Kind.BIT]
    picks = sorted({0, len(made) // 2, len(made) - 1})[:TENSORS] if made else []
    wanted = {made[i].name for i in picks}
    answers = []
    for name, value in program.steps(x):
        if name in wanted:
            share = value.reshape(len(x), -1).mean(0)
            element = int(np.abs(share - 0.5).argmin())
            if 0 < share[element] < 1:
                answers.append(_bit(program, name, element))
    return answers


def _bit(program: Program, tensor: str, element: int) -> Answer:
    def answer(x: np.ndarray) -> np.ndarray:
        value = next(value for name, value in program.steps(x) if name == tensor)
        return np.asarray(value.reshape(len(x), -1)[:, element].astype(np.int64))

    return answer


def _flip(image: Callable[[int], np.ndarray], steps: int, answer: Answer) -> list[np.ndarray]:
    """[image(k), image(k + 1)] of different answers, where image(0) and image(steps) have different ones."""
    before = answer(image(0)[None])[0]
    low, high = 0, steps
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if answer(image(middle)[None])[0] == before else (low, middle)
    return [image(low), image(high)]


def _with(image: np.ndarray, places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The image with other values at flat places."""
    changed = image.reshape(-1).copy()
    changed[places] = values
    return changed.reshape(image.shape)
