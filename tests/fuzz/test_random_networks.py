# SPDX-License-Identifier: Apache-2.0
"""Random networks of fixed seeds: refused in one line, or the module itself in numpy and in C (see `judge.py`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .campaign import Summary, try_recipe, try_seed
from .generate import random_recipe
from .network import network, text_of
from .recipe import KINDS, NotANetwork, Recipe, layer
from .shrink import shrink

GROUPS = (
    (100000, 100001, 100002, 100004, 100006, 100008, 100009),
    (100010, 100012, 100015, 100016, 100017),
)
SHARE = 2 / 3  # of the networks must be exported


@pytest.mark.host
@pytest.mark.parametrize("seeds", GROUPS, ids=lambda seeds: str(seeds[0]))
def test_random_networks_are_their_modules_or_are_refused(
    seeds: tuple[int, ...], need: Callable[..., None], tmp_path: Path
) -> None:
    need("gcc")
    summary = Summary()
    for seed in seeds:
        summary.add(*try_seed(seed, tmp_path))
    assert not summary.findings, "\n\n".join(f"seed {seed}: {found.detail}" for seed, found in summary.findings)
    assert summary.exact + summary.rounded >= SHARE * len(seeds), summary.table()


def test_equal_seeds_give_equal_networks() -> None:
    assert random_recipe(11) == random_recipe(11)
    assert text_of(random_recipe(11)) == text_of(random_recipe(11))


def test_a_network_prints_as_a_file_that_gives_the_same_network(tmp_path: Path) -> None:
    first = network(random_recipe(12), tmp_path / "a.py")
    space = {"layer": layer, "Recipe": Recipe}
    again = network(eval(repr(first.recipe), space), tmp_path / "b.py")
    assert again.recipe == first.recipe
    assert (again.eager() == first.eager()).all()


def test_the_shrinker_keeps_what_fails_and_little_else() -> None:
    def fails(recipe: Recipe) -> bool:
        recipe.source()
        return any(each.kind == "max_pool" for each in recipe.walk())

    seed = next(s for s in range(100) if any(each.kind == "max_pool" for each in random_recipe(s).walk()))
    small = shrink(random_recipe(seed), fails)
    assert [each.kind for each in small.layers] == ["max_pool"]
    assert all(size <= 3 for size in small.image)


def test_a_recipe_that_pytorch_refuses_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(NotANetwork):
        try_recipe(Recipe((1, 4, 4), (layer("conv", out=2, k=5), layer("flatten"))), tmp_path)


def test_every_kind_has_a_form_without_settings() -> None:
    for name in KINDS:
        shape = (8,) if name in ("linear", "real_linear") else (8, 8, 8)
        Recipe(shape, (layer(name),)).source()
