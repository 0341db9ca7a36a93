# SPDX-License-Identifier: Apache-2.0
"""Each model here is wrong in the one way its docstring tells, and in no other: the rest runs in plain PyTorch."""

from __future__ import annotations

import pytest
import torch

from tests.refused import constant, load, marked_lines, names, path_of

BROKEN = {
    "build_gives_no_module": "TypeError",
    "half_precision": "RuntimeError",
    "missing_import": "ModuleNotFoundError",
    "multi_input": "TypeError",
    "own_error": "NameError",
    "wrong_channels": "RuntimeError",
}


def run(name: str) -> object:
    net = load(name).build()
    torch.manual_seed(1)
    with torch.no_grad():
        return net(torch.rand(1, *constant(name, "INPUT")))


@pytest.mark.parametrize("name", names())
def test_says_what_the_user_should_be_told_and_where(name):
    text = " ".join(path_of(name).read_text().split())
    assert "The user should be told" in text
    assert "xnorc" not in text
    assert marked_lines(name)
    reasons = constant(name, "REASON")
    assert reasons
    assert all(word == word.lower() and word for word in reasons)


@pytest.mark.parametrize("name", sorted(set(names()) - set(BROKEN)))
def test_runs_in_plain_pytorch(name):
    answer = run(name)
    first = answer[0] if isinstance(answer, tuple) else answer["logits"] if isinstance(answer, dict) else answer
    assert first.shape[0] == 1


@pytest.mark.parametrize(("name", "error"), BROKEN.items())
def test_breaks_by_itself(name, error):
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- the type is compared below
        run(name)
    assert type(caught.value).__name__ == error


def test_there_are_enough():
    assert len(names()) >= 22
